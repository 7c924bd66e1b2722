/** Ways for a thread to die by itself, or to hang, when it is told to. */
import { openSync, readSync } from 'node:fs';
import path from 'node:path';
import { findGround, monoMs, Word } from './ground.mjs';

/** What is thrown: any other error that ends an actor is one of its own. */
export const CHAOS = 'chaos: thrown on demand';

export const Death = /** @type {const} */ ({ throw: 1, reject: 2, exit: 3, loop: 4, parse: 5, heap: 6, zombie: 7 });

/** How long a parse goes on that nobody can interrupt: past the time-out of a hang, and past that of a zombie. */
const PARSE_MS = 5_500;
const LOOK_MS = 10;
/** What a zombie waits at. */
export const ZOMBIE_PIPE = 'zombie.pipe';

/** @type {Record<number, () => void>} */
const ways = {
  [Death.throw]: () => {
    setImmediate(() => {
      throw new Error(CHAOS);
    });
  },
  [Death.reject]: () => void Promise.reject(new Error(CHAOS)),
  [Death.exit]: () => process.exit(7),
  [Death.loop]: () => {
    for (;;);
  },
  [Death.parse]: () => {
    const text = `[${'{"a":[1,2,3],"b":"c"},'.repeat(20_000)}0]`;
    for (const endMs = monoMs() + PARSE_MS; monoMs() < endMs;) JSON.parse(text);
  },
  [Death.heap]: () => {
    const kept = [];
    for (;;) kept.push(new Array(10_000).fill(kept.length));
  },
  // In a system call, which the end of a thread does not interrupt: until somebody writes, and without a processor.
  [Death.zombie]: () => void readSync(openSync(path.join(findGround().folder, ZOMBIE_PIPE), 'r+'), Buffer.alloc(1)),
};

/**
 * Obeys the orders in this word for as long as the thread lives. One that is there already was for a predecessor: obeyed
 * in the boot of a successor it would be another death.
 *
 * @param {Int32Array} words @param {number} index
 */
export const obeyOrders = (words, index) => {
  const word = Word.ORDERS + index;
  /** @param {number} answer @returns {number} the order that was answered, 0 for none */
  const take = (answer) => {
    const order = Atomics.load(words, word);
    return order > 0 && Atomics.compareExchange(words, word, order, answer * order) === order ? order : 0;
  };
  take(0);
  setInterval(() => ways[take(-1)]?.(), LOOK_MS).unref();
};
