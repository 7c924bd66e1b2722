/** Dies when a word of shared memory says so, and tells there when it was opened and when it had minted. */
import { monoMs } from './clock.mjs';
import mintLongLived from './long-lived-provider.mjs';

/** What the words say; the stamps are monotonic milliseconds in the second half of the memory. */
export const Word = /** @type {const} */ ({ ORDER: 0, OPENED: 1, MINTED: 2, DYING: 3 });
export const Stamp = /** @type {const} */ ({ OPENED: 0, MINTED: 1 });
export const MEMORY_BYTES = 32;
const STAMPS_AT = 16;

/** The ways to die by an order; from then on no message is taken, so that no mint begins. */
const deaths = {
  throw: () => {
    process.nextTick(() => {
      throw new Error('told to');
    });
  },
  exit: () => process.exit(7),
  loop: () => {
    for (;;);
  },
  heap: () => {
    const kept = [];
    for (;;) kept.push(new Array(10_000).fill(kept.length));
  },
};
export const DEATHS = /** @type {(keyof typeof deaths)[]} */ (Object.keys(deaths));

/** @param {SharedArrayBuffer} memory */
export const viewsOf = (memory) => ({
  words: new Int32Array(memory, 0, 4),
  stamps: new Float64Array(memory, STAMPS_AT, 2),
});

/** @param {Int32Array} words */
const obey = async (words) => {
  while (Atomics.load(words, Word.ORDER) === 0) await Atomics.waitAsync(words, Word.ORDER, 0, 60_000).value;
  const order = Atomics.exchange(words, Word.ORDER, 0);
  const way = DEATHS[order - 1];
  Atomics.store(words, Word.DYING, 1);
  if (way) deaths[way]();
  await obey(words);
};

/** @param {ReturnType<typeof viewsOf>} views @param {0 | 1} stamp @param {1 | 2} word */
const tell = ({ words, stamps }, stamp, word) => {
  stamps[stamp] = monoMs();
  Atomics.add(words, word, 1);
  Atomics.notify(words, word);
};

/** @type {import('tokenvisor/providers').ProviderObject<{ memory: SharedArrayBuffer }>} */
export const provider = {
  open({ options }) {
    const views = viewsOf(options.memory);
    tell(views, Stamp.OPENED, Word.OPENED);
    void obey(views.words);
    return {
      mint() {
        tell(views, Stamp.MINTED, Word.MINTED);
        return mintLongLived();
      },
    };
  },
};
