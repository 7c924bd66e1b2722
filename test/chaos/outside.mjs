/** What goes wrong outside of a run's process: its servers, its stores, and the wall clock. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { bagOf, pick } from './draw.mjs';
import { DIRECT_FAULTS, FRONT_FAULTS } from './faults.mjs';
import { bound, monoMs, Word } from './ground.mjs';
import { Alone, credentialsOf } from './stage.mjs';

const MET_WITHIN_MS = 8_000;
/** More than the 2 s from which on it is one. */
const LEAST_STEP_MS = 2_500;
const LARGEST_STEP_MS = 12_000;
/** Two steps within a second may be none that is seen: what they come to is less than a step. */
const STEP_EVERY_MS = 1_500;

const PROXY_MODES = ['cut', 'refuse', 'swallow', { hold: 'both' }, { hold: 'answers' }];
/** @param {any} mode */
const nameOfMode = (mode) => `Postgres ${typeof mode === 'string' ? mode : `holds ${mode.hold}`}`;

export class Outside {
  #stage;
  #alone = new Alone();
  #nextAtFront;
  #steppedAtMs = -Infinity;
  #pid = 0;

  /** @param {import('./stage.mjs').Stage} stage */
  constructor(stage) {
    this.#stage = stage;
    this.#nextAtFront = bagOf(
      credentialsOf(stage, ({ by }) => by === 'front'),
      stage.random,
    );
  }

  /** @returns {Record<string, import('./stage.mjs').Action>} */
  actions() {
    return Object.fromEntries([
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
      ...PROXY_MODES.map((mode) => [`store: ${nameOfMode(mode)}`, () => this.#proxy(mode)]),
      ['store: Postgres backend killed', () => this.#killBackend()],
      ['store: Postgres restarted', () => this.#restartPostgres()],
      ['store: LMDB owner killed', () => this.#lmdb('LMDB owner killed', 'SIGKILL')],
      ['store: LMDB owner stopped', () => this.#lmdb('LMDB owner stopped', 'SIGSTOP')],
    ]);
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
    if (this.#pid) kill(this.#pid, 'SIGCONT');
    const off = Atomics.load(ground.words, Word.OFFSET_MS);
    const waitMs = STEP_EVERY_MS - (monoMs() - this.#steppedAtMs);
    if (waitMs > 0) await sleep(waitMs);
    if (off !== 0) causes.end(this.#stepTo(0, off > 0 ? 'back' : 'forward'));
  }

  /** @param {import('./faults.mjs').Fault} fault */
  async #frontFault(fault) {
    const { servers, children, random } = this.#stage;
    const name = this.#nextAtFront();
    await servers.front.next(fault, random() < 0.3 ? 2 : 1, { clientId: children.facts.get(name)?.clientId ?? '' });
  }

  /** @param {string} kind @param {any} fault */
  async #directFault(kind, fault) {
    const { supervisor, servers, children, random, causes, ground } = this.#stage;
    const name = pick(
      credentialsOf(this.#stage, ({ by }) => by === 'server' || by === 'other'),
      random,
    );
    const { by, clientId } = /** @type {import('./children.mjs').Facts} */ (children.facts.get(name));
    const handle = supervisor.children[name];
    const { attempts, exchanging } = handle.status();
    const cause = causes.begin('server', kind, name);
    await servers[by === 'server' ? 'server' : 'other'].disturb({ ...fault, clientId });
    // It is met by the next request.
    const met = attempts + (exchanging ? 1 : 0);
    for (const isLate = bound(ground.words, MET_WITHIN_MS); handle.status().attempts <= met;) {
      if (isLate()) return;
      await sleep(100);
    }
    causes.count(cause.family, cause.kind);
  }

  async #frontAway() {
    const { servers, causes, random } = this.#stage;
    await this.#alone.run('front', async () => {
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
    await this.#alone.run(which, async () => {
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
    cause.offsetMs = offsetMs;
    Atomics.store(ground.words, Word.OFFSET_MS, offsetMs);
    return cause;
  }

  /** @param {any} mode */
  async #proxy(mode) {
    const { servers, causes, random } = this.#stage;
    await this.#alone.run('postgres', async () => {
      const cause = causes.begin('store', nameOfMode(mode), 'revoked-postgres');
      await servers.proxy.set(mode);
      await sleep(300 + 2_000 * random());
      await servers.proxy.set('pass');
      causes.end(cause);
    });
  }

  async #killBackend() {
    const { servers, causes } = this.#stage;
    await this.#alone.run('postgres', async () => {
      const query = "SELECT pid FROM pg_stat_activity WHERE application_name = 'tokenvisor'";
      const [row] = await servers.postgres.ask(query);
      if (!row) return;
      // It may have ended meanwhile.
      if (!kill(row.pid, 'SIGKILL')) return;
      causes.end(causes.begin('store', 'Postgres backend killed', 'revoked-postgres'));
    });
  }

  async #restartPostgres() {
    const { servers, causes } = this.#stage;
    await this.#alone.run('postgres', async () => {
      const cause = causes.begin('store', 'Postgres restarted', 'revoked-postgres');
      await servers.postgres.restart();
      causes.end(cause);
    });
  }

  /** @param {string} kind @param {'SIGKILL' | 'SIGSTOP'} signal */
  async #lmdb(kind, signal) {
    const { causes, random } = this.#stage;
    await this.#alone.run('lmdb', async () => {
      this.#pid = this.#lmdbOwner();
      if (!this.#pid || !kill(this.#pid, signal)) return;
      const cause = causes.begin('store', kind, 'revoked-lmdb');
      await sleep(signal === 'SIGSTOP' ? 500 + 2_500 * random() : 0);
      if (signal === 'SIGSTOP') kill(this.#pid, 'SIGCONT');
      causes.end(cause);
      this.#pid = 0;
    });
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
}

/** Whether there was such a process. @param {number} pid @param {NodeJS.Signals} signal */
const kill = (pid, signal) => {
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
};
