/**
 * A word with the second of the wall clock until which readers may trust the rest of a child's memory. It is unsigned.
 * The child's actor moves it; a kind that uses one names it at registration, so that the supervisor can close it.
 */
import type { SharedWords } from './words.js';

export const VALID_NEVER = 0;
export const VALID_FOREVER = 0xffff_ffff;

/** True if readers may trust the memory, by the wall clock of the reading thread. */
export const isValid = (second: number, nowMs: number): boolean => second === VALID_FOREVER || nowMs < second * 1_000;

/**
 * Closes the word after a step of the wall clock while no actor runs: with the clock set back, readers would trust it
 * for longer than the actor meant. VALID_FOREVER depends on no clock and stays. Returns true if it was open.
 */
export const closeValidUntil = (words: SharedWords, index: number): boolean => {
  for (;;) {
    const word = words.load(index);
    if (word === VALID_NEVER || word >>> 0 === VALID_FOREVER) return false;
    // A thread that was killed and has not ended yet may have stored another value meanwhile.
    if (words.compareExchange(index, word, VALID_NEVER) === word) return true;
  }
};
