/**
 * A word that says until which second of the wall clock readers may believe what else is in the memory of a child. It is
 * unsigned. Its actor moves it; a kind that has one names it at its registration, so that the supervisor can close it.
 */
import type { SharedWords } from './words.js';

export const VALID_NEVER = 0;
export const VALID_FOREVER = 0xffff_ffff;

/** True if readers may believe it, by the wall clock of the thread that reads. */
export const isValid = (second: number, nowMs: number): boolean => second === VALID_FOREVER || nowMs < second * 1_000;

/**
 * Closes a word that no actor moves, after a step of the wall clock: set back, it would be believed for longer than its
 * actor meant. One that is for ever is compared with no clock, and stays. Returns true if it was open.
 */
export const closeValidUntil = (words: SharedWords, index: number): boolean => {
  for (;;) {
    const word = words.load(index);
    if (word === VALID_NEVER || word >>> 0 === VALID_FOREVER) return false;
    // A thread that was killed and has not ended may have stored another one meanwhile.
    if (words.compareExchange(index, word, VALID_NEVER) === word) return true;
  }
};
