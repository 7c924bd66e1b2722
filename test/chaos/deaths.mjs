/** Ways for a thread to die by itself, or to hang, when it is told to. */
import { pbkdf2Sync } from 'node:crypto';
import { monoMs, Word } from './ground.mjs';

/** What is thrown: any other error that ends an actor is one of its own. */
export const CHAOS = 'chaos: thrown on demand';

export const Death = /** @type {const} */ ({ throw: 1, reject: 2, exit: 3, loop: 4, parse: 5, heap: 6, zombie: 7 });

/** How long a parse goes on that nobody can interrupt: past the time-out of a hang, and past that of a zombie. */
const PARSE_MS = 5_500;
const LOOK_MS = 10;

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
  // In native code throughout: the thread goes on for so long after it was told to end.
  [Death.zombie]: () => void pbkdf2Sync('password', 'salt', 4_000_000, 64, 'sha512'),
};

/** Obeys the orders in this word for as long as the thread lives. @param {Int32Array} words @param {number} index */
export const obeyOrders = (words, index) => {
  const look = () => {
    const order = Atomics.exchange(words, Word.ORDERS + index, 0);
    if (order === 0) return;
    Atomics.add(words, Word.OBEYED + order, 1);
    ways[order]?.();
  };
  setInterval(look, LOOK_MS).unref();
};
