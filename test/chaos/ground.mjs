/**
 * What all threads of a chaos run share: the offset of their wall clock, the orders to die, and where records go. It
 * reaches every thread with the environment data of worker_threads, which each inherits from the one that starts it.
 */
import { getEnvironmentData, setEnvironmentData } from 'node:worker_threads';

/** @typedef {{ words: Int32Array, folder: string }} Ground */

const KEY = 'tokenvisor:chaos';
const WORDS = 256;

export const Word = /** @type {const} */ ({
  /** How far the wall clock of all threads is off the machine's. */
  OFFSET_MS: 0,
  STOP: 1,
  /** How much time the machine has given so far, ms: see lived.mjs. */
  LIVED_MS: 2,
  /** What comes of the work of the probe. */
  WORK: 3,
  /** How many of the run's own threads do what they are there for. */
  UP: 4,
  /** One word a child: a {@link Death} that is wanted, negative once it is obeyed. The supervisor's thread has the first. */
  ORDERS: 16,
});

/** On a machine that gives no time at all, bounds end as well. */
const MOST_TIMES = 8;

/** The machine's wall clock, whatever this thread believes. */
export const machineNowMs = Date.now.bind(Date);

/** Of one origin in all threads. */
export const monoMs = () => {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1_000 + nanoseconds / 1e6;
};

/** @param {string} folder @returns {Ground} */
export const makeGround = (folder) => {
  const ground = { words: new Int32Array(new SharedArrayBuffer(4 * WORDS)), folder };
  setEnvironmentData(KEY, ground);
  return ground;
};

/** @returns {Ground} */
export const findGround = () => /** @type {any} */ (getEnvironmentData(KEY));

/** From here on this thread has the wall clock of the run. @param {Int32Array} words */
export const takeClock = (words) => {
  Date.now = () => machineNowMs() + Atomics.load(words, Word.OFFSET_MS);
};

/**
 * A bound on what the machine has to work for.
 *
 * @param {Int32Array} words @param {number} ms of time that the machine gives
 * @returns {() => boolean} whether it is over
 */
export const bound = (words, ms) => {
  const untilLivedMs = Atomics.load(words, Word.LIVED_MS) + ms;
  const untilMonoMs = monoMs() + MOST_TIMES * ms;
  return () => Atomics.load(words, Word.LIVED_MS) >= untilLivedMs || monoMs() >= untilMonoMs;
};
