// @ts-check
/** The counters of all threads of the server, in one piece of shared memory. */

/** Kills of actors, and what else goes wrong. */
export const MISHAPS = /** @type {const} */ (['throw', 'exit', 'loop', 'terminate', 'supervisorDeath', 'outage']);

const COUNTERS = /** @type {const} */ ([
  'handedOut',
  'expired',
  'unavailable',
  'accepted',
  'refused',
  'mints',
  'refreshes',
  ...MISHAPS,
]);

/** @typedef {(typeof COUNTERS)[number]} Counter */

/** The longest wait, in units of 100 ns, comes after the counters; then the histogram of waits. */
const MAX = COUNTERS.length;
const HISTOGRAM = MAX + 1;
/** Buckets per doubling, so each is 4 % wide; from 1 ns to 100 s. */
const PER_DOUBLING = 16;
const BUCKETS = 37 * PER_DOUBLING;

export class Measures {
  /** For `workerData`. */
  buffer;
  #words;

  constructor(buffer = new SharedArrayBuffer((HISTOGRAM + BUCKETS) * Int32Array.BYTES_PER_ELEMENT)) {
    this.buffer = buffer;
    this.#words = new Int32Array(buffer);
  }

  /** @param {Counter} name */
  count(name) {
    Atomics.add(this.#words, COUNTERS.indexOf(name), 1);
  }

  /** @param {Counter} name */
  read(name) {
    return Atomics.load(this.#words, COUNTERS.indexOf(name));
  }

  /** Records how long a caller waited for its token. @param {number} ms */
  waited(ms) {
    const bucket = Math.floor(Math.log2(Math.max(1, ms * 1e6)) * PER_DOUBLING);
    Atomics.add(this.#words, HISTOGRAM + Math.min(BUCKETS - 1, bucket), 1);
    const units = Math.ceil(ms * 1e4);
    let longest = Atomics.load(this.#words, MAX);
    while (units > longest) {
      const found = Atomics.compareExchange(this.#words, MAX, longest, units);
      if (found === longest) return;
      longest = found;
    }
  }

  waits() {
    const maxMs = Atomics.load(this.#words, MAX) / 1e4;
    const counts = Array.from({ length: BUCKETS }, (_, bucket) => Atomics.load(this.#words, HISTOGRAM + bucket));
    const total = counts.reduce((sum, count) => sum + count, 0);
    /** @param {number} share */
    const percentile = (share) => {
      let left = Math.ceil(total * share);
      const bucket = counts.findIndex((count) => (left -= count) <= 0);
      return round(Math.min(2 ** ((bucket + 1) / PER_DOUBLING) / 1e6, maxMs));
    };
    return { p50: percentile(0.5), p99: percentile(0.99), max: round(maxMs) };
  }

  /**
   * All of it, in the shape of the demo's JSON.
   * @returns {import('./report-channel.js').Summary}
   */
  summary() {
    return {
      handedOut: this.read('handedOut'),
      expired: this.read('expired'),
      refused: this.read('refused'),
      unavailable: this.read('unavailable'),
      waitMs: this.waits(),
      refreshes: this.read('refreshes'),
      mints: this.read('mints'),
      restarts: 0,
      happened: Object.fromEntries(MISHAPS.map((kind) => [kind, this.read(kind)])),
    };
  }
}

/** Four significant digits. @param {number} value */
const round = (value) => Number(value.toPrecision(4));
