/**
 * The word STOPPED: what the supervision record says of a stop, for readers that can't afford to decode it at each read. The
 * two are stored one after the other, and a thread may end in between. So the word is never {@link Stopped.NO} while the
 * record says that the child is stopped, wherever a thread ends; it may stay YES longer, until the next supervisor thread
 * derives it anew.
 *
 * A stop from outside may run beside a supervisor thread that is about to end. It stores a third value, which that thread
 * never changes.
 */
import { Header } from './layout.js';
import type { SharedWords } from './words.js';

const Stopped = { NO: 0, YES: 1, FOR_GOOD: 2 } as const;

/** Publishes a record that says whether the child is stopped, and has the word follow it. */
export const publishPhase = (words: SharedWords, stopped: boolean, publish: () => void): void => {
  if (stopped) deriveStopped(words, true);
  publish();
  if (!stopped) deriveStopped(words, false);
};

/** Has the word say what the record says. */
export const deriveStopped = (words: SharedWords, stopped: boolean): void => {
  const [before, after] = stopped ? [Stopped.NO, Stopped.YES] : [Stopped.YES, Stopped.NO];
  words.compareExchange(Header.STOPPED, before, after);
};

/** It is stopped, and never starts again. */
export const stopForGood = (words: SharedWords): void => words.store(Header.STOPPED, Stopped.FOR_GOOD);
