/** A scenario, drawn from its seed: a credential, what goes wrong around it, and then the recovery. */
import { rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { CredentialOptions } from '../../src/kinds/credential/credential.js';
import { file } from '../../src/secrets/references.js';
import { clientCredentials } from '../../src/grants/client-credentials.js';
import { fileStore, refreshToken } from '../../src/grants/refresh-token.js';
import { CANARY } from '../hostile/types.js';
import { onDisk } from './disk.js';
import type { Observation } from './observation.js';
import { Random, type DrawLog } from './random.js';
import { Recovery } from './recovery.js';
import { Sickness } from './sickness.js';
import { CLIENT_ID, World } from './world.js';

export type Grant = 'client_credentials' | 'single_use_file' | 'single_use_memory' | 'reusable';

/** What of a scenario the invariants are told. */
export interface Facts {
  readonly grant: Grant;
  readonly onAmbiguous: 'hold' | 'replayOnce';
  /** What would be there of a single-use refresh token's file after a power cut. */
  readonly durable: () => string | undefined;
}

const STORE = onDisk('refresh-token.json');
const GRANTS = { client_credentials: 4, single_use_file: 5, single_use_memory: 3, reusable: 2 } as const;

export class Scenario {
  readonly facts: Facts;
  readonly #random: Random;
  readonly #sickness: Sickness;
  readonly #world: World;
  readonly #folder: string;
  readonly #secretInFile: boolean;
  readonly #seedInFile: boolean;
  readonly #ttlS: number;
  readonly #recovery: Recovery;
  /** The refresh token that the options give now: the last that anybody has given. */
  #seed = '';
  #secrets = 0;
  #clockChangedMonoMs = -Infinity;
  #suspended = false;

  /**
   * @param folder For secret files.
   * @param log Takes what is drawn; has what is to be drawn, of a world that was kept.
   * @param observe Is given all that can be seen.
   * @param heldMs What is left of the waits that servers have asked for: known to who has seen the answers.
   */
  constructor(
    seed: number,
    folder: string,
    log: DrawLog,
    observe: (observation: Observation, facts: Facts) => void,
    heldMs: () => number,
  ) {
    const random = new Random(seed, log);
    this.#random = random;
    this.#folder = folder;
    this.#sickness = new Sickness(random.fork('server'));
    const grant = random.weighted('grant', GRANTS);
    const onAmbiguous = random.chance('replay once', 0.4) ? 'replayOnce' : 'hold';
    this.facts = { grant, onAmbiguous, durable: () => this.#world.disk.durable(STORE) };
    this.#secretInFile = random.chance('secret in file', 0.25);
    this.#seedInFile = random.chance('seed in file', 0.2);
    this.#ttlS = random.spread(
      'life',
      random.pick('least life', [1, 10, 10]),
      random.chance('short life', 0.9) ? 300 : 3_600,
    );
    const policy = this.#policy();
    this.#world = new World({
      random: random.fork('world'),
      server: {
        accessTokenTtlS: this.#ttlS,
        rotation: grant === 'reusable' ? 'reusable' : 'single-use',
        ...(onAmbiguous === 'replayOnce' &&
          random.chance('has grace', 0.7) && { reuseGraceMs: random.pick('grace', [5_000, 60_000]) }),
        clockOffMs: random.pick('clock off', [0, 0, -90_000, 600_000]),
      },
      options: (seed) => {
        this.#seed = seed;
        return { ...policy, eager: random.chance('eager', 0.8), provider: this.#provider(this.#newSecret()) };
      },
      trip: this.#sickness.trip,
      restartDelayMs: this.#restartDelay(random.fork('restarts')),
      observe: (observation) => observe(observation, this.facts),
    });
    this.#world.knownSecrets = [this.#secret(this.#secrets)];
    this.#recovery = new Recovery({
      world: this.#world,
      sickness: this.#sickness,
      lifeMs: this.#ttlS * 1_000,
      authorise: () => (grant === 'client_credentials' ? this.#world.resume() : this.#giveSeed()),
      heldMs,
    });
  }

  async run(): Promise<void> {
    try {
      await this.#world.inForce(async () => {
        await this.#trouble();
        this.#world.knownSecrets = [this.#secret(this.#secrets)];
        await this.#recovery.run();
      });
    } finally {
      for (const name of ['secret', 'seed']) rmSync(path.join(this.#folder, name), { force: true });
    }
  }

  #restartDelay(random: Random): () => number {
    return () =>
      this.#sickness.healed ? 10 : random.chance('soon', 0.6) ? 30 : random.pick('delay', [100, 3_000, 60_000]);
  }

  #policy(): Omit<CredentialOptions, 'provider'> {
    const random = this.#random;
    return {
      ...(random.chance('has lead', 0.3) && { leadMs: random.spread('lead', 0, 400_000) }),
      ...(random.chance('has margin', 0.3) && { marginMs: random.spread('margin', 0, 100_000) }),
      ...(random.chance('has refresh every', 0.2) && {
        refreshEveryMs: random.spread('refresh every', 1_000, 300_000),
      }),
      ...(random.chance('has retry every', 0.25) && { retryEveryMs: random.spread('retry every', 1_000, 60_000) }),
      ...(random.chance('has assumed life', 0.3) && {
        assumeLifetimeMs: random.pick('assumed life', [1_000, 5_000, 60_000, 'never'] as const),
      }),
      ...(random.chance('has probe', 0.5) && { probeEveryMs: random.spread('probe', 1_000, 60_000) }),
    };
  }

  #secret(number: number): string {
    // In letters that an OAuth error may have: a server may say it back.
    return `${CANARY}_client_${number}`;
  }

  #newSecret(): string {
    return this.#secret(++this.#secrets);
  }

  #path(name: 'secret' | 'seed'): string {
    return path.join(this.#folder, name);
  }

  #provider(secret: string): CredentialOptions['provider'] {
    const inFile = (name: 'secret' | 'seed', text: string): ReturnType<typeof file> => {
      writeFileSync(this.#path(name), text);
      return file(this.#path(name));
    };
    const client = {
      tokenEndpoint: 'https://127.0.0.1/token',
      clientId: CLIENT_ID,
      clientSecret: this.#secretInFile ? inFile('secret', secret) : secret,
      ...(this.#random.chance('has timeout', 0.3) && { timeoutMs: this.#random.pick('timeout', [100, 1_000, 30_000]) }),
    };
    const { grant, onAmbiguous } = this.facts;
    if (grant === 'client_credentials') return clientCredentials(client);
    return refreshToken({
      ...client,
      refreshToken: this.#seedInFile ? inFile('seed', this.#seed) : this.#seed,
      rotation: grant === 'reusable' ? 'reusable' : 'single-use',
      onAmbiguous,
      ...(grant !== 'reusable' && { store: grant === 'single_use_file' ? fileStore(STORE) : 'memory' }),
    });
  }

  async #trouble(): Promise<void> {
    const random = this.#random;
    this.#world.tell({ kind: 'server', what: this.#sickness.turn() });
    for (let left = random.int('acts', 5, 40); left > 0; left -= 1) {
      await this.#act();
      await this.#world.advance(
        random.chance('short rest', 0.8)
          ? random.spread('rest', 0, 20_000)
          : random.spread('long rest', 0, this.#ttlS * 1_500),
      );
    }
  }

  async #act(): Promise<void> {
    const random = this.#random;
    const world = this.#world;
    const what = random.weighted('act', {
      health: 8,
      read: 3,
      get: 4,
      refresh: 3,
      invalidate: 4,
      resume: 3,
      rotate_policy: 1,
      rotate_secret: 3,
      rotate_seed: 1,
      secret_file: 2,
      seed_file: 1,
      server_secrets: 2,
      step: 2,
      suspend: 1,
      crash_and_step: 1,
      outage: 2,
      crash: 2,
      doom: 6,
      freeze: 1,
      thaw: 3,
      zombie: 1,
      disk: 1,
      process: 1,
    });
    switch (what) {
      case 'health':
        return world.tell({ kind: 'server', what: this.#sickness.turn() });
      case 'read':
        return void world.read();
      case 'get':
        return world.get(
          random.spread('get within', 0, 20_000),
          random.chance('has ttl', 0.3) ? random.spread('ttl', 0, 30_000) : 0,
        );
      case 'refresh':
        return void world.refresh(random.spread('refresh within', 0, 20_000));
      case 'invalidate':
        return world.invalidate(random.spread('invalidate within', 0, 20_000));
      case 'resume':
        return world.resume();
      case 'rotate_policy':
        return world.update(this.#policy());
      case 'rotate_secret':
        return this.#rotateSecret();
      case 'rotate_seed':
        return this.#giveSeed();
      case 'secret_file':
        return this.#changeSecretFile();
      case 'seed_file':
        if (this.#seedInFile) this.#giveSeed();
        return;
      case 'server_secrets':
        return this.#changeServer();
      case 'step':
        if (!this.#isClockSeen()) return;
        return world.stepWall(random.pick('step way', [-1, 1]) * (2_002 + random.spread('step', 0, 600_000)));
      case 'suspend':
        if (!this.#isClockSeen()) return;
        this.#suspended = true;
        return world.suspend(random.spread('suspend', 0, 600_000));
      case 'outage':
        return this.#outage();
      case 'crash_and_step':
        // What a suspend has put the wall clock ahead by hides a step that nobody was there to see.
        if (this.#suspended || !this.#isClockSeen()) return;
        world.process.crash();
        return world.stepWall(-2_002 - random.spread('step at crash', 0, 600_000));
      case 'crash':
        return world.process.crash();
      case 'doom':
        return this.#doom();
      case 'freeze':
        return world.process.freeze();
      case 'thaw':
        return world.process.thaw();
      case 'zombie':
        return world.process.leaveZombie();
      case 'disk':
        world.disk.sick = world.disk.sick === undefined ? random.pick('disk', ['ENOSPC', 'EIO', 'EACCES']) : undefined;
        return world.tell({ kind: 'disk', what: world.disk.sick ?? 'well' });
      case 'process':
        return this.#restartProcess();
    }
  }

  /** Two changes of the clock that nobody has looked at between can't be told from their sum. */
  #isClockSeen(): boolean {
    const monoMs = this.#world.clock.monoMs();
    if (monoMs - this.#clockChangedMonoMs < 2_100) return false;
    this.#clockChangedMonoMs = monoMs;
    return true;
  }

  /** The server is away for longer than a token lives: what readers are given then is what the clocks allow. */
  async #outage(): Promise<void> {
    const random = this.#random;
    const world = this.#world;
    world.tell({ kind: 'server', what: this.#sickness.goAway() });
    if (this.#isClockSeen() && random.chance('suspend in outage', 0.3)) {
      this.#suspended = true;
      world.suspend(random.spread('outage suspend', 0, this.#ttlS * 800));
      await world.advance(2_200);
    }
    await world.advance(random.spread('before step', 0, 2_000));
    if (this.#isClockSeen() && random.chance('step in outage', 0.6)) {
      if (random.chance('crash in outage', 0.4) && !this.#suspended) world.process.crash();
      world.stepWall(-2_002 - random.spread('outage step', 0, 600_000));
    }
    await world.advance(this.#ttlS * random.int('outage', 200, 1_200));
    world.tell({ kind: 'server', what: this.#sickness.turn() });
  }

  #doom(): void {
    const random = this.#random;
    const unit = random.chance('dies over a deed', 0.7) ? 'deed' : 'word';
    this.#world.process.thread?.doom(
      unit,
      unit === 'deed' ? random.spread('deeds', 0, 60) : random.spread('words', 0, 5_000),
    );
  }

  /** A newer secret, which the server may know not yet; or an older one still, or none. */
  #rotateSecret(): void {
    const random = this.#random;
    const secret = this.#newSecret();
    const known = this.#world.knownSecrets;
    this.#world.knownSecrets = random.pick('server knows', [[secret], known, [...known, secret]]);
    const overlapMs = random.chance('has overlap', 0.7) ? random.spread('overlap', 0, 120_000) : 0;
    this.#world.update({ provider: this.#provider(secret) }, overlapMs);
  }

  #giveSeed(): void {
    if (this.facts.grant === 'client_credentials') return;
    this.#seed = this.#world.authorise();
    if (this.#seedInFile) this.#world.changeFile(this.#path('seed'), this.#seed, 'give_new_seed');
    else {
      const provider = this.#provider(this.#secret(this.#secrets));
      this.#world.update({ provider });
      this.#world.tell({ kind: 'deed', deed: { what: 'give_new_seed' } });
    }
  }

  #changeSecretFile(): void {
    if (!this.#secretInFile) return;
    const secret = this.#newSecret();
    this.#world.knownSecrets = [...this.#world.knownSecrets, secret];
    this.#world.changeFile(this.#path('secret'), secret, 'change_secret_file');
  }

  #changeServer(): void {
    const newest = this.#secret(this.#secrets);
    this.#world.knownSecrets = this.#random.pick('server learns', [
      [newest],
      [newest],
      [],
      [...this.#world.knownSecrets, newest],
    ]);
    this.#world.tell({ kind: 'server', what: `knows ${this.#world.knownSecrets.length} secrets` });
  }

  async #restartProcess(): Promise<void> {
    const how = this.#random.weighted('process', { killed: 3, stopped: 3, power_cut: 2 });
    this.#world.process.thaw();
    if (how === 'stopped') await this.#world.stopProcess();
    else this.#world.killProcess(how);
    // What memory held is lost, so somebody authorises anew before it starts again.
    if (this.facts.grant === 'single_use_memory') this.#giveSeed();
    await this.#world.advance(this.#random.spread('process away', 0, 5_000));
    this.#world.startProcess();
  }
}
