/** The words of shared memory that a child may use freely: counters and flags that outlive its actors. */
import { describeValue } from '../core/describe.js';
import { TokenvisorError } from '../core/errors.js';
import { Header, OWN_WORDS } from './layout.js';
import type { SharedWords } from './words.js';

/**
 * 16 words of shared memory per child, for any thread; the kind defines their meaning. Each is a signed 32-bit integer,
 * 0 at the start. They outlive the actor and the supervisor thread.
 */
export interface ReaderWords {
  /** The word at `index`, 0 to 15. Atomic, as all operations here. @throws CONFIG_INVALID for another index. */
  load(index: number): number;
  /**
   * Adds to the word at `index`, 0 to 15, and returns the old value. It wraps around at 2^31.
   *
   * @throws CONFIG_INVALID for another index, or a value that is not an integer.
   */
  add(index: number, value: number): number;
}

/**
 * The same words for the child's actor. They are not fenced: a zombie that wakes up may write to them. A kind for which
 * this matters sets `fenceable: false`.
 */
export interface ActorWords extends ReaderWords {
  /** Stores a word. @throws CONFIG_INVALID for an index outside 0 to 15, or a value that is not an integer. */
  store(index: number, value: number): void;
  /**
   * Stores a word if the old value is `expected`, and returns the old value.
   *
   * @throws CONFIG_INVALID for an index outside 0 to 15, or a value that is not an integer.
   */
  compareExchange(index: number, expected: number, replacement: number): number;
}

const invalid = (expected: string, value: unknown): TokenvisorError =>
  new TokenvisorError('CONFIG_INVALID', `Expected ${expected}, got ${describeValue(value)}`);

const placeOf = (index: number): number => {
  if (Number.isInteger(index) && index >= 0 && index < OWN_WORDS) return Header.OWN + index;
  throw invalid(`the index of a word to be an integer from 0 to ${OWN_WORDS - 1}`, index);
};

/** A 32-bit integer, signed or unsigned; stored as signed. */
const word = (value: number): number => {
  if (Number.isInteger(value) && value >= -(2 ** 31) && value < 2 ** 32) return value | 0;
  throw invalid('the value of a word to be an integer of 32 bits', value);
};

export const readerWords = (words: SharedWords): ReaderWords => ({
  load: (index) => words.load(placeOf(index)),
  add: (index, value) => words.add(placeOf(index), word(value)),
});

export const actorWords = (words: SharedWords): ActorWords => ({
  ...readerWords(words),
  store: (index, value) => words.store(placeOf(index), word(value)),
  compareExchange: (index, expected, replacement) =>
    words.compareExchange(placeOf(index), word(expected), word(replacement)),
});
