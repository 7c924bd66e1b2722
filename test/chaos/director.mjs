/**
 * Does to a running supervisor, its servers and its stores what can be done to them: draws from a bag of all kinds until it
 * is empty, and again, and notes each as a cause.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { killChildThread, killSupervisorThread } from 'tokenvisor/testing';
import { Death } from './deaths.mjs';
import { bagOf, pick } from './draw.mjs';
import { DIRECT_FAULTS, FRONT_FAULTS } from './faults.mjs';
import { machineNowMs, monoMs, Word } from './ground.mjs';
import { secretOf } from './servers.mjs';

/**
 * @typedef {() => Promise<unknown>} Action
 * @typedef {object} Stage
 * @property {any} supervisor
 * @property {import('./servers.mjs').Servers} servers
 * @property {Awaited<ReturnType<typeof import('./children.mjs').makeChildren>>} children
 * @property {import('./ground.mjs').Ground} ground
 * @property {import('./causes.mjs').Causes} causes
 * @property {() => number} random
 * @property {string} folder
 * @property {boolean} long of several minutes
 */

/** At once three deaths of the supervisor thread in a minute are mended; more wait. */
const SUPERVISOR_EVERY_MS = 22_000;
const OBEYED_WITHIN_MS = 1_500;
/** More than the 2 s from which on it is one. */
const LEAST_STEP_MS = 2_500;
const LARGEST_STEP_MS = 12_000;
const OVERLAP_MS = 2_500;
/** Two steps within a second may be none that is seen: what they come to is less than a step. */
const STEP_EVERY_MS = 1_500;
const OVERDUE_MS = 2_500;

export class Director {
  #stage;
  #supervisorAtMs = -Infinity;
  #steppedAtMs = -Infinity;
  #orders = Promise.resolve();
  /** @type {Record<string, string>} */
  #secrets = {};
  #busy = new Set();
  #nextAtFront;
  #pid = 0;

  /** @param {Stage} stage */
  constructor(stage) {
    this.#stage = stage;
    this.#nextAtFront = bagOf(
      this.#credentials(({ by }) => by === 'front'),
      stage.random,
    );
  }

  /** Every kind, by name. @returns {Record<string, Action>} */
  actions() {
    const entries = [
      ...Object.entries(Death).map(([kind, death]) => [`kill: ${kind}`, () => this.#order(kind, death)]),
      ['kill: terminate', () => this.#terminate()],
      ['kill: storm', () => this.#storm()],
      ['kill: supervisor', () => this.#killSupervisor()],
      ['kill: zombie in a rotate()', () => this.#zombieInRotate()],
      ...Object.entries(FRONT_FAULTS).map(([kind, fault]) => [`server: ${kind}`, () => this.#frontFault(fault)]),
      ...Object.entries(DIRECT_FAULTS).map(([kind, fault]) => [
        `server: ${kind}`,
        () => this.#directFault(kind, fault),
      ]),
      ['server: front is away', () => this.#frontAway()],
      ['server: real server is away', () => this.#away('server')],
      ['server: other server is away', () => this.#away('other')],
      ['clock: forward', () => this.#step(1)],
      ['clock: back', () => this.#step(-1)],
      ...['cut', 'refuse', 'swallow', { hold: 'both' }, { hold: 'answers' }].map((mode) => [
        `store: Postgres ${typeof mode === 'string' ? mode : `holds ${mode.hold}`}`,
        () => this.#proxy(mode),
      ]),
      ['store: Postgres backend killed', () => this.#killBackend()],
      ['store: Postgres restarted', () => this.#restartPostgres()],
      ['store: LMDB owner killed', () => this.#lmdb('LMDB owner killed', 'SIGKILL')],
      ['store: LMDB owner stopped', () => this.#lmdb('LMDB owner stopped', 'SIGSTOP')],
      ['change: rotate() with an overlap', () => this.#rotate('overlapping', OVERLAP_MS)],
      ['change: rotate()', () => this.#rotate('rotating', 0)],
      ['change: invalidate()', () => this.#invalidate()],
      ['change: break-glass', () => this.#glass()],
    ];
    return Object.fromEntries(entries);
  }

  /**
   * Draws until then. What has not come to be by the middle of that time is more likely to be drawn.
   *
   * @param {number} untilMonoMs @param {number} everyMs @param {(name: string, error: unknown) => void} onError
   */
  async direct(untilMonoMs, everyMs, onError) {
    const { causes, random } = this.#stage;
    const actions = this.actions();
    const names = Object.keys(actions);
    const drawn = bagOf(names, random);
    const middleMonoMs = (monoMs() + untilMonoMs) / 2;
    /** @type {Map<string, number>} */
    const lastMonoMs = new Map();
    const next = () => {
      const nowMs = monoMs();
      const counts = causes.counts();
      // A fault is met when its client asks next.
      const overdue = names.filter(
        (name) => !(name in counts) && nowMs - (lastMonoMs.get(name) ?? -Infinity) > OVERDUE_MS,
      );
      return nowMs > middleMonoMs && overdue.length > 0 && random() < 0.8 ? pick(overdue, random) : drawn();
    };
    /** @type {Set<Promise<unknown>>} */
    const running = new Set();
    while (monoMs() < untilMonoMs) {
      const name = next();
      lastMonoMs.set(name, monoMs());
      const doing = Promise.resolve(actions[name]?.()).catch((error) => onError(name, error));
      running.add(doing);
      void doing.then(() => running.delete(doing));
      await sleep(everyMs * (0.5 + random()));
    }
    await Promise.all(running);
  }

  /** No fault lasts any longer, and the clocks are right again. */
  async relent() {
    const { servers, ground, causes } = this.#stage;
    await Promise.all([
      servers.front.clear(),
      servers.server.release(),
      servers.other.release(),
      servers.proxy.set('pass'),
    ]);
    if (this.#pid) this.#signal('SIGCONT');
    const off = Atomics.load(ground.words, Word.OFFSET_MS);
    const waitMs = STEP_EVERY_MS - (monoMs() - this.#steppedAtMs);
    if (waitMs > 0) await sleep(waitMs);
    if (off !== 0) causes.end(this.#stepTo(0, off > 0 ? 'back' : 'forward'));
  }

  /** @param {string} name */
  #indexOf(name) {
    return this.#stage.children.names.indexOf(name) + 1;
  }

  /** @param {string} name */
  #isUp(name) {
    return !['parked', 'restarting', 'stopping', 'stopped', 'zombie'].includes(this.#stateOf(name));
  }

  /** @param {string} name @returns {string} */
  #stateOf(name) {
    return this.#stage.supervisor.children[name].status().state;
  }

  #anyChild() {
    return pick(this.#stage.children.names, this.#stage.random);
  }

  /** @param {(facts: import('./children.mjs').Facts) => boolean} which */
  #credentials(which) {
    return [...this.#stage.children.facts].flatMap(([name, facts]) => (which(facts) ? [name] : []));
  }

  /** Has a child die by itself; another one, if that one has no thread to do so. @param {string} kind @param {number} death */
  async #order(kind, death, ofWhom = () => this.#anyChild()) {
    for (let tries = 0; tries < 5; tries += 1) {
      const name = ofWhom();
      if (this.#isUp(name) && (await this.#orderOne(kind, death, name))) return name;
      await sleep(50);
    }
    return undefined;
  }

  /** @param {string} kind @param {number} death @param {string} name @returns {Promise<boolean>} */
  async #orderOne(kind, death, name) {
    const { ground, causes } = this.#stage;
    const [word, obeyed] = [Word.ORDERS + this.#indexOf(name), Word.OBEYED + death];
    // One after the other, so that what was obeyed is this one.
    const turn = this.#orders;
    let done = () => {};
    this.#orders = new Promise((resolve) => (done = () => resolve()));
    await turn;
    try {
      const before = Atomics.load(ground.words, obeyed);
      const cause = causes.begin('kill', kind, name);
      Atomics.store(ground.words, word, death);
      for (const endMs = monoMs() + OBEYED_WITHIN_MS; monoMs() < endMs;) {
        if (Atomics.load(ground.words, obeyed) > before) {
          causes.end(cause);
          return true;
        }
        await sleep(5);
      }
      if (Atomics.exchange(ground.words, word, 0) === 0) {
        causes.end(cause);
        return true;
      }
      causes.all.splice(causes.all.indexOf(cause), 1);
      return false;
    } finally {
      done();
    }
  }

  async #terminate(name = this.#anyChild()) {
    const { supervisor, causes } = this.#stage;
    const cause = causes.begin('kill', 'terminate', name);
    await supervisorMayDie(killChildThread(supervisor, name));
    causes.end(cause);
  }

  /** Again and again, past its intensity: it is parked for that. */
  async #storm() {
    const { causes } = this.#stage;
    const name = this.#anyChild();
    const cause = causes.begin('kill', 'storm', name);
    for (let deaths = 0; deaths < 12 && !this.#isParked(name); deaths += 1) {
      if (this.#isUp(name)) await this.#terminate(name);
      await sleep(60);
    }
    if (this.#isParked(name)) causes.end(cause);
    else cause.toMonoMs = monoMs();
  }

  /** @param {string} name */
  #isParked(name) {
    const { parked } = this.#stage.supervisor.children[name].status();
    return this.#stage.children.facts.has(name)
      ? parked?.why === 'restart_intensity'
      : this.#stateOf(name) === 'parked';
  }

  async #killSupervisor() {
    const { supervisor, causes, ground, random, long } = this.#stage;
    if (monoMs() - this.#supervisorAtMs < SUPERVISOR_EVERY_MS) return;
    this.#supervisorAtMs = monoMs();
    const kinds = /** @type {const} */ (['terminate', 'throw', 'exit', ...(long ? ['loop'] : [])]);
    const kind = pick(kinds, random);
    const cause = causes.begin('kill', 'supervisor', '*');
    const back = new Promise((resolve) => supervisor.once('supervisor:restarted', resolve));
    if (kind === 'terminate') await killSupervisorThread(supervisor);
    else Atomics.store(ground.words, Word.ORDERS, /** @type {any} */ (Death)[kind]);
    await back;
    causes.end(cause);
    causes.count('supervisor', kind);
  }

  /** A thread that can't be ended, in the midst of a change of its options. */
  async #zombieInRotate() {
    const { causes } = this.#stage;
    const name = pick(['rotating', 'overlapping', 'renewed'], this.#stage.random);
    const changing = name === 'renewed' ? this.#authorise('renewed') : this.#rotate(name, OVERLAP_MS);
    const killed = await this.#order('zombie', Death.zombie, () => name);
    await changing;
    if (killed) causes.count('kill', 'zombie in a rotate()');
  }

  /** @param {import('./faults.mjs').Fault} fault */
  async #frontFault(fault) {
    const { servers, children, random } = this.#stage;
    const name = this.#nextAtFront();
    await servers.front.next(fault, random() < 0.3 ? 2 : 1, { clientId: children.facts.get(name)?.clientId ?? '' });
  }

  /** @param {string} kind @param {any} fault */
  async #directFault(kind, fault) {
    const { servers, children, random, causes } = this.#stage;
    const name = pick(
      this.#credentials(({ by }) => by === 'server' || by === 'other'),
      random,
    );
    const { by, clientId } = /** @type {import('./children.mjs').Facts} */ (children.facts.get(name));
    causes.begin('server', kind, name);
    await servers[by === 'server' ? 'server' : 'other'].disturb({ ...fault, clientId });
  }

  async #frontAway() {
    const { servers, causes, random } = this.#stage;
    await this.#alone('front', async () => {
      const cause = causes.begin('server', 'front is away', 'front');
      await servers.front.next({ kind: 'connection', why: 'refused' });
      await sleep(300 + 1_200 * random());
      await servers.front.clear();
      causes.end(cause);
    });
  }

  /** @param {'server' | 'other'} which */
  async #away(which) {
    const { servers, causes, random } = this.#stage;
    await this.#alone(which, async () => {
      const cause = causes.begin('server', which === 'server' ? 'real server is away' : 'other server is away', which);
      await servers[which].away(300 + 1_200 * random());
      causes.end(cause);
    });
  }

  /** @param {1 | -1} direction */
  async #step(direction) {
    const { ground, causes, random } = this.#stage;
    if (monoMs() - this.#steppedAtMs < STEP_EVERY_MS) return;
    this.#steppedAtMs = monoMs();
    const off = Atomics.load(ground.words, Word.OFFSET_MS);
    const byMs = Math.round(direction * (LEAST_STEP_MS + random() * (LARGEST_STEP_MS - LEAST_STEP_MS)));
    const to = Math.max(-LARGEST_STEP_MS, Math.min(LARGEST_STEP_MS, off + byMs));
    // At the end of what is allowed, the other way.
    const next = Math.abs(to - off) < LEAST_STEP_MS ? off - byMs : to;
    causes.end(this.#stepTo(next, next > off ? 'forward' : 'back'));
  }

  /** @param {number} offsetMs @param {string} kind */
  #stepTo(offsetMs, kind) {
    const { ground, causes } = this.#stage;
    const cause = causes.begin('clock', kind, '*');
    Atomics.store(ground.words, Word.OFFSET_MS, offsetMs);
    return cause;
  }

  /** @param {any} mode */
  async #proxy(mode) {
    const { servers, causes, random } = this.#stage;
    await this.#alone('postgres', async () => {
      const kind = `Postgres ${typeof mode === 'string' ? mode : `holds ${mode.hold}`}`;
      const cause = causes.begin('store', kind, 'revoked-postgres');
      await servers.proxy.set(mode);
      await sleep(300 + 2_000 * random());
      await servers.proxy.set('pass');
      causes.end(cause);
    });
  }

  async #killBackend() {
    const { servers, causes } = this.#stage;
    await this.#alone('postgres', async () => {
      const query = "SELECT pid FROM pg_stat_activity WHERE application_name = 'tokenvisor'";
      const [row] = await servers.postgres.ask(query);
      if (!row) return;
      const cause = causes.begin('store', 'Postgres backend killed', 'revoked-postgres');
      process.kill(row.pid, 'SIGKILL');
      causes.end(cause);
    });
  }

  async #restartPostgres() {
    const { servers, causes } = this.#stage;
    await this.#alone('postgres', async () => {
      const cause = causes.begin('store', 'Postgres restarted', 'revoked-postgres');
      await servers.postgres.restart();
      causes.end(cause);
    });
  }

  /** @param {string} kind @param {'SIGKILL' | 'SIGSTOP'} signal */
  async #lmdb(kind, signal) {
    const { causes, random } = this.#stage;
    await this.#alone('lmdb', async () => {
      this.#pid = this.#lmdbOwner();
      if (!this.#pid || !this.#signal(signal)) return;
      const cause = causes.begin('store', kind, 'revoked-lmdb');
      await sleep(signal === 'SIGSTOP' ? 500 + 2_500 * random() : 0);
      if (signal === 'SIGSTOP') this.#signal('SIGCONT');
      causes.end(cause);
      this.#pid = 0;
    });
  }

  /** @param {NodeJS.Signals} signal */
  #signal(signal) {
    try {
      return process.kill(this.#pid, signal);
    } catch {
      return false;
    }
  }

  #lmdbOwner() {
    try {
      return Number(
        /"pid":(\d+)/.exec(readFileSync(path.join(this.#stage.folder, 'lmdb', 'owner.lock'), 'utf8'))?.[1] ?? 0,
      );
    } catch {
      return 0;
    }
  }

  /** The server learns the new secret first. @param {string} name @param {number} overlapMs */
  async #rotate(name, overlapMs) {
    const { supervisor, servers, children, causes } = this.#stage;
    await this.#alone(name, async () => {
      const secret = `${secretOf(name)}-${machineNowMs()}`;
      const cause = causes.begin('change', overlapMs > 0 ? 'rotate() with an overlap' : 'rotate()', name);
      if (overlapMs === 0) await servers.server.setSecret(name, secret);
      try {
        await supervisor.children[name].rotate(children.withSecret(name, secret), { overlapMs });
        this.#secrets[name] = secret;
      } catch (error) {
        if (!isDeath(error)) throw error;
        // It may have been taken or not: the next one says it again.
        await supervisorMayDie(
          supervisor.children[name].rotate(children.withSecret(name, (this.#secrets[name] = secret)), { overlapMs }),
        );
      }
      if (overlapMs > 0) {
        await sleep(overlapMs / 3);
        await servers.server.setSecret(name, secret);
      }
      causes.end(cause);
    });
  }

  /** What a person does for a credential whose refresh token may be spent. @param {'single' | 'stored' | 'renewed'} name */
  async #authorise(name) {
    const { supervisor, children, causes } = this.#stage;
    await this.#alone(name, async () => {
      const cause = causes.begin('change', 'authorised anew', name);
      try {
        await supervisorMayDie(supervisor.children[name].rotate(await children.authorisedAnew(name)));
      } finally {
        causes.end(cause);
      }
    });
  }

  /** Looks after what is parked for an exchange of unknown end, as an operator would. */
  async operate() {
    const { supervisor } = this.#stage;
    for (const name of /** @type {const} */ (['single', 'stored', 'renewed'])) {
      if (supervisor.children[name].status().parked?.why !== undefined) await this.#authorise(name);
    }
  }

  async #invalidate() {
    const { supervisor, causes, random } = this.#stage;
    const name = pick(
      this.#credentials(() => true),
      random,
    );
    const handle = supervisor.children[name];
    const token = handle.peek();
    if (!token) return;
    const cause = causes.begin('change', 'invalidate()', name);
    await handle.invalidate(token, { timeoutMs: 2_000 }).catch(() => undefined);
    causes.end(cause);
  }

  /** A token that was replaced matches never again. */
  async #glass() {
    const { supervisor, causes } = this.#stage;
    const { glass } = supervisor.children;
    const cause = causes.begin('change', 'break-glass', 'glass');
    try {
      const [first, second] = [await glass.buildAndStore(), await glass.buildAndStore()];
      if (glass.lookup(first.token)) throw new Error('a break-glass token that was replaced still matches');
      if (await glass.delete(second.token)) {
        if (glass.lookup(second.token)) throw new Error('a break-glass token that was deleted still matches');
      }
    } catch (error) {
      if (!isDeath(error)) throw error;
    }
    causes.end(cause);
  }

  /** One at a time of what has this name; the second does not come to be. @param {string} what @param {() => Promise<void>} run */
  async #alone(what, run) {
    if (this.#busy.has(what)) return;
    this.#busy.add(what);
    try {
      await run();
    } finally {
      this.#busy.delete(what);
    }
  }
}

/** @param {unknown} error */
const isDeath = (error) =>
  ['ACTOR_DOWN', 'NO_PROC', 'CALL_TIMEOUT', 'TIMEOUT'].includes(/** @type {{ code?: string }} */ (error).code ?? '');

/** @param {Promise<unknown>} request */
const supervisorMayDie = (request) =>
  request.catch((error) => {
    if (!isDeath(error)) throw error;
  });
