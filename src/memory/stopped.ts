/**
 * The word STOPPED: a copy of the supervision record's stop state, for readers that can't afford to decode the record
 * at each read. The two are stored one after the other, and a thread may end in between. Therefore the word is never
 * {@link Stopped.NO} while the record says that the child is stopped; it may stay YES longer, until the next supervisor
 * thread derives it again.
 *
 * A stop from outside may run beside a supervisor thread that is about to end. It stores a third value, which that
 * thread never changes.
 */
import { Header } from './layout.js';
import type { SharedWords } from './words.js';

const Stopped = { NO: 0, YES: 1, FOR_GOOD: 2 } as const;

/** Publishes a record with the stop state, and updates the word in the safe order. */
export const publishPhase = (words: SharedWords, stopped: boolean, publish: () => void): void => {
  if (stopped) deriveStopped(words, true);
  publish();
  if (!stopped) deriveStopped(words, false);
};

/** Sets the word from the record. */
export const deriveStopped = (words: SharedWords, stopped: boolean): void => {
  const [before, after] = stopped ? [Stopped.NO, Stopped.YES] : [Stopped.YES, Stopped.NO];
  words.compareExchange(Header.STOPPED, before, after);
};

/** Marks the child as stopped for ever. */
export const stopForGood = (words: SharedWords): void => words.store(Header.STOPPED, Stopped.FOR_GOOD);
