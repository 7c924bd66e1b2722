import type { SharedWords } from '../../src/memory/words.js';
import { sameWords } from './tiny-record.js';

/** What the thread that died would not have known. */
export class Death extends Error {}

/** Words under which a thread dies when it has done so many operations: the next one is not done. */
export const dyingAfter = (words: SharedWords, operations: number): SharedWords => {
  let left = operations;
  const live = (): SharedWords => {
    if (left === 0) throw new Death('dead');
    left -= 1;
    return words;
  };
  return {
    ...sameWords(words),
    load: (index) => live().load(index),
    store: (index, value) => live().store(index, value),
    compareExchange: (index, expected, replacement) => live().compareExchange(index, expected, replacement),
    add: (index, value) => live().add(index, value),
    notify: (index) => live().notify(index),
  };
};

/** Runs it; false if it died over it. */
export const survives = (run: () => void): boolean => {
  try {
    run();
    return true;
  } catch (error) {
    if (error instanceof Death) return false;
    throw error;
  }
};
