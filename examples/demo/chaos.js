// @ts-check
/**
 * Causes the faults during the load. It runs in its own thread, so that no stall delays it; each kill is counted once
 * the death has been seen.
 */
import { CRASHES } from './crashable-provider.js';
import { CREDENTIALS, LEAD_MS, SINGLE_USE } from './parameters.js';
import { until } from './signals.js';

/** Just under a second. */
const OUTAGE_MS = 900;
/** The bound for a death to be seen, or a supervisor to be replaced. */
const PATIENCE_MS = 6_000;
/** Between the first disturbances, and between those that follow. */
const FIRST_PAUSE_MS = 150;
const PAUSE_MS = 500;
/** Nothing is begun in the last moments of the load. */
const QUIET_END_MS = 1_500;
/** A thread is killed only while its token lives for this time: no more is left while a refresh is late. */
const LIFE_BEFORE_KILL_MS = LEAD_MS - 1_000;
/** How a kill is identified afterwards. */
const REASONS = { throw: 'crash', exit: 'exit', loop: 'hung', terminate: 'killed' };

/** Each kind once, on credentials in turn; then as many as there is time for. */
const FIRST = /** @type {const} */ (['throw', 'exit', 'loop', 'terminate', 'outage', 'supervisorDeath']);
const THEN = /** @type {const} */ (['exit', 'terminate', 'throw', 'outage', 'loop']);

/**
 * @typedef {'throw' | 'exit' | 'loop' | 'terminate'} Kill
 * @typedef {Kill | 'outage' | 'supervisorDeath'} Disturbance
 */

/**
 * True if no single-use refresh token is being exchanged, nor will be within `withinMs`.
 *
 * @param {import('tokenvisor').CredentialStatus} status @param {number} withinMs
 */
export const isSpared = ({ exchanging, usable, failures, refreshAtMs }, withinMs) =>
  usable && !exchanging && failures === 0 && refreshAtMs !== undefined && refreshAtMs - Date.now() > withinMs;

/** @param {number} ms @returns {Promise<void>} */
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export class Chaos {
  #readers;
  #crashWords;
  #measures;
  #signals;
  #requestOutage;
  /** Credentials with a kill under way. */
  #dying = new Set();
  #outageEndMs = 0;
  #turn = 0;

  /**
   * @param {object} world
   * @param {import('./parameters.js').PerCredential<import('tokenvisor').CredentialReader>} world.readers
   * @param {import('./parameters.js').PerCredential<SharedArrayBuffer>} world.crashWords
   * @param {import('./measures.js').Measures} world.measures
   * @param {import('./signals.js').Signals} world.signals
   * @param {(ms: number) => void} world.requestOutage
   */
  constructor({ readers, crashWords, measures, signals, requestOutage }) {
    this.#readers = readers;
    this.#crashWords = crashWords;
    this.#measures = measures;
    this.#signals = signals;
    this.#requestOutage = requestOutage;
  }

  /** True once each kind has happened, and nothing is under way. */
  get complete() {
    const isOver = this.#outageEndMs > 0 && Date.now() > this.#outageEndMs;
    const kinds = FIRST.filter((kind) => kind !== 'outage');
    return isOver && this.#dying.size === 0 && kinds.every((kind) => this.#measures.read(kind) > 0);
  }

  /** @param {number} endMs on the monotonic clock */
  async run(endMs) {
    for (const kind of FIRST) {
      await pause(FIRST_PAUSE_MS);
      await this.#disturb(kind);
    }
    for (let nth = 0; performance.now() < endMs - QUIET_END_MS; nth += 1) {
      const kind = THEN[nth % THEN.length];
      if (kind) await this.#disturb(kind);
      await pause(PAUSE_MS);
    }
  }

  /** Waits for a moment at which it is fair, and begins it. @param {Disturbance} kind */
  async #disturb(kind) {
    if (kind === 'outage') return this.#beginOutage();
    if (kind === 'supervisorDeath') return this.#killSupervisor();
    const credential = CREDENTIALS[this.#turn % CREDENTIALS.length] ?? SINGLE_USE;
    this.#turn += 1;
    await this.#untilOrOver(() => this.#isWell(credential, LIFE_BEFORE_KILL_MS) && !this.#signals.wishing);
    if (this.#signals.over) return;
    if (kind === 'terminate') this.#signals.wishChildDead(CREDENTIALS.indexOf(credential));
    else Atomics.store(new Int32Array(this.#crashWords[credential]), 0, CRASHES.indexOf(kind));
    void this.#seeDeath(credential, kind);
    // A main thread that is in a stall kills a little later: nothing else is begun before.
    await this.#untilOrOver(() => !this.#signals.wishing);
  }

  /** Counts the death when it is there. @param {import('./parameters.js').CredentialName} credential @param {Kill} kind */
  async #seeDeath(credential, kind) {
    this.#dying.add(credential);
    const { incarnation } = this.#status(credential);
    const deadlineMs = performance.now() + PATIENCE_MS;
    await until(() => this.#status(credential).incarnation > incarnation || performance.now() > deadlineMs);
    if (this.#status(credential).lastExit?.reason.kind === REASONS[kind]) this.#measures.count(kind);
    this.#dying.delete(credential);
  }

  /** Best of all while a refresh is due, so that it meets the outage. */
  async #beginOutage() {
    const hopeEndMs = performance.now() + 2_000;
    await this.#untilOrOver(() => {
      const now = Date.now();
      if (now < this.#outageEndMs + 1_000 || !isSpared(this.#status(SINGLE_USE), 300)) return false;
      if (!CREDENTIALS.every((credential) => this.#isWell(credential, LIFE_BEFORE_KILL_MS))) return false;
      const isDue = CREDENTIALS.some((credential) => (this.#status(credential).refreshAtMs ?? 0) - now < OUTAGE_MS / 2);
      return isDue || performance.now() > hopeEndMs;
    });
    if (this.#signals.over) return;
    this.#outageEndMs = Date.now() + OUTAGE_MS;
    this.#requestOutage(OUTAGE_MS);
  }

  /** The main thread does it, in a turn of its own; it may be in a stall now, so there must be time. */
  async #killSupervisor() {
    await this.#untilOrOver(
      () =>
        this.#dying.size === 0 &&
        Date.now() > this.#outageEndMs &&
        isSpared(this.#status(SINGLE_USE), 0) &&
        CREDENTIALS.every((credential) => this.#isWell(credential, LIFE_BEFORE_KILL_MS)),
    );
    if (this.#signals.over) return;
    const before = CREDENTIALS.map((credential) => this.#status(credential).incarnation);
    this.#signals.wishSupervisorDead();
    const deadlineMs = performance.now() + PATIENCE_MS;
    const isReplaced = () =>
      CREDENTIALS.every((credential, index) => this.#status(credential).incarnation > (before[index] ?? 0));
    await this.#untilOrOver(() => isReplaced() || performance.now() > deadlineMs);
    if (isReplaced()) this.#measures.count('supervisorDeath');
  }

  /** Alive, not refreshing, and with a token that is good for so long. @param {import('./parameters.js').CredentialName} credential @param {number} leftMs */
  #isWell(credential, leftMs) {
    if (this.#dying.has(credential)) return false;
    const { state, expiresAtMs = 0 } = this.#status(credential);
    return state === 'fresh' && expiresAtMs - Date.now() > leftMs;
  }

  /** @param {import('./parameters.js').CredentialName} credential */
  #status(credential) {
    return this.#readers[credential].status();
  }

  /** @param {() => boolean} condition */
  #untilOrOver(condition) {
    return until(() => this.#signals.over || condition());
  }
}
