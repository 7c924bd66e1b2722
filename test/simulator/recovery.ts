/** After the trouble: the server is well, a person does what a parked credential needs, and what is promised then is held. */
import type { Sickness } from './sickness.js';
import type { World } from './world.js';

export interface RecoveryOptions {
  readonly world: World;
  readonly sickness: Sickness;
  /** Of an access token. */
  readonly lifeMs: number;
  /** Authorises anew, where there is anything to authorise; else says that it is mended. */
  readonly authorise: () => void;
  /** What is left of the waits that servers have asked for. */
  readonly heldMs: () => number;
}

export class Recovery {
  readonly #options: RecoveryOptions;

  constructor(options: RecoveryOptions) {
    this.#options = options;
  }

  async run(): Promise<void> {
    const { world, sickness } = this.#options;
    sickness.heal();
    world.disk.sick = undefined;
    world.process.thaw();
    world.process.thread?.reprieve();
    world.process.start();
    world.tell({ kind: 'recovered' });
    // What is under way ends: a mint takes 30 s at most, and files are looked at each second.
    await world.advance(32_000);
    for (let round = 0; round < 3; round += 1) {
      if (this.#isParked()) await this.#person(round);
      if (await this.#freshWithin(this.#boundMs())) return this.#noGap();
      if (!this.#isParked()) break;
    }
    world.tell({ kind: 'end', problem: `no fresh token, state ${JSON.stringify(world.process.reader.status())}` });
  }

  /** Does what a parked credential needs of a person: says that it is mended; if that is not enough, authorises anew. */
  async #person(round: number): Promise<void> {
    const { world, authorise } = this.#options;
    if (round === 0) world.resume();
    else authorise();
    await world.advance(1_100);
  }

  #isParked(): boolean {
    return this.#options.world.process.reader.status().state === 'parked';
  }

  /** The longest wait that is promised: a Retry-After of an hour, or the longest back-off; then a mint at the floor. */
  #boundMs(): number {
    const { world, heldMs } = this.#options;
    const { retryEveryMs = 0 } = world.user;
    return Math.max(30_000, retryEveryMs, heldMs()) + 3_000;
  }

  async #freshWithin(boundMs: number): Promise<boolean> {
    const { world } = this.#options;
    let token: unknown = 'waiting';
    void world.refresh(boundMs).then((got) => (token = got));
    for (let waitedMs = 0; waitedMs <= boundMs + 1_000 && token === 'waiting'; waitedMs += 1_000)
      await world.advance(1_000);
    return token !== undefined && token !== 'waiting';
  }

  /** With a server that answers, a reader never meets a gap. */
  async #noGap(): Promise<void> {
    const { world, sickness, lifeMs } = this.#options;
    sickness.latencyMs = Math.min(20, lifeMs * 0.01);
    const forMs = Math.min(3 * lifeMs, 60_000);
    world.tell({ kind: 'server', what: 'steady' });
    for (let passedMs = 0; passedMs < forMs; passedMs += lifeMs / 20) await world.advance(lifeMs / 20);
    world.tell({ kind: 'end' });
  }
}
