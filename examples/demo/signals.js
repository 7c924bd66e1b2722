// @ts-check
/** Signals between the threads of the server: the start and the end of the load, and the thread to kill. */

const READY = 0;
const PHASE = 1;
const WISH = 2;

const WAITING = 0;
const RUNNING = 1;
const OVER = 2;

/** What only the main thread can do: it holds the supervisor. */
const NO_WISH = 0;
const SUPERVISOR_WISH = 1;
const FIRST_CHILD_WISH = 2;

export class Signals {
  /** For `workerData`. */
  buffer;
  #words;

  constructor(buffer = new SharedArrayBuffer(3 * Int32Array.BYTES_PER_ELEMENT)) {
    this.buffer = buffer;
    this.#words = new Int32Array(buffer);
  }

  ready() {
    Atomics.add(this.#words, READY, 1);
  }

  /** How many threads are ready. */
  get readyThreads() {
    return Atomics.load(this.#words, READY);
  }

  start() {
    Atomics.store(this.#words, PHASE, RUNNING);
  }

  end() {
    Atomics.store(this.#words, PHASE, OVER);
  }

  get started() {
    return Atomics.load(this.#words, PHASE) !== WAITING;
  }

  get over() {
    return Atomics.load(this.#words, PHASE) === OVER;
  }

  wishSupervisorDead() {
    Atomics.store(this.#words, WISH, SUPERVISOR_WISH);
  }

  /** @param {number} index of the child */
  wishChildDead(index) {
    Atomics.store(this.#words, WISH, FIRST_CHILD_WISH + index);
  }

  /** True while a wish waits for the main thread. */
  get wishing() {
    return Atomics.load(this.#words, WISH) !== NO_WISH;
  }

  /** @returns {'supervisor' | number | undefined} a number is a child's index */
  get wish() {
    const word = Atomics.load(this.#words, WISH);
    if (word === NO_WISH) return undefined;
    return word === SUPERVISOR_WISH ? 'supervisor' : word - FIRST_CHILD_WISH;
  }

  fulfilled() {
    Atomics.store(this.#words, WISH, NO_WISH);
  }
}

/** @param {() => boolean} condition @param {number} [everyMs] @returns {Promise<void>} */
export const until = (condition, everyMs = 5) =>
  new Promise((resolve) => {
    if (condition()) return resolve();
    const timer = setInterval(() => {
      if (!condition()) return;
      clearInterval(timer);
      resolve();
    }, everyMs);
  });
