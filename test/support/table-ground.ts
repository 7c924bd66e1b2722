/** Tables over words that a test stops and interleaves: the same source as in the package, at sizes that can be explored. */
import { ROW_WORDS, segmentBase, TableWord, type TableGeometry } from '../../src/table/layout.js';
import * as source from '../../src/table/loops/loops.js';
import { runOn, type LoopWords } from '../../src/table/loops/words.js';
import { layOut, type TableGround } from '../../src/table/ground.js';
import type { TableLoops } from '../../src/table/table-loops.js';
import { Death } from './dying-words.js';

/** Segments of two buckets, six slots. */
export const TINY: TableGeometry = { buckets: 2, maxDepth: 3, segments: 80, limit: 5, hardLimit: 6 };
export const TINY_SEGMENTS = 10;
export const TINY_WORDS = segmentBase(TINY, TINY_SEGMENTS);

/** The loops as TypeScript, each call on these words. */
export const loopsOver = (words: LoopWords, geometry: TableGeometry): TableLoops => {
  const bound = Object.entries(source).map(([name, loop]) => [
    name,
    (...args: number[]) => {
      runOn(words, geometry);
      return (loop as (...args: number[]) => number)(...args);
    },
  ]);
  return Object.fromEntries(bound) as TableLoops;
};

/** What a writer stands on, on any words. */
export const groundOn = (words: LoopWords, geometry: TableGeometry = TINY): TableGround => ({
  geometry,
  words: {
    load: (index) => words.load(index),
    store: (index, value) => words.store(index, value),
    peek: (index) => words.load(index),
  },
  loops: loopsOver(words, geometry),
  grow: () => {},
  catchUp: () => {},
});

/** Words of an array. */
export const wordsOf = (memory: Int32Array): LoopWords => ({
  load: (index) => memory[index]!,
  store: (index, value) => void (memory[index] = value),
});

/** Words under which the writer dies when it has stored so often. */
export const dyingAtStore = (memory: Int32Array, stores: number): LoopWords => {
  let left = stores;
  return {
    load: (index) => memory[index]!,
    store: (index, value) => {
      if (left === 0) throw new Death('dead');
      left -= 1;
      memory[index] = value;
    },
  };
};

/** How often `run` stores, on a copy. */
export const countStores = (memory: Int32Array, run: (words: LoopWords) => void): number => {
  let stores = 0;
  const copy = memory.slice();
  run({ ...wordsOf(copy), store: (index, value) => ((copy[index] = value), void (stores += 1)) });
  return stores;
};

/** An empty tiny table. */
export const tinyTable = (maxEntries = 1_000): Int32Array => {
  const memory = new Int32Array(TINY_WORDS);
  layOut(groundOn(wordsOf(memory)), maxEntries, TINY_SEGMENTS, new Int32Array(12));
  return memory;
};

/** What an entry is to be. */
export interface Entry {
  readonly expiryS: number;
  readonly meta: number;
}

/** Keys are numbers here: a digest that is spread as a real one is. */
export const digestOf = (key: number): readonly [d0: number, d1: number, d2: number] => [
  mixed(key * 4),
  mixed(key * 4 + 1),
  mixed(key * 4 + 2),
];

const mixed = (value: number): number => {
  let x = (value + 0x9e37_79b9) | 0;
  x = Math.imul(x ^ (x >>> 16), 0x21f0_aaad);
  x = Math.imul(x ^ (x >>> 15), 0x735a_2d97);
  return x ^ (x >>> 15);
};

/** Rows of keys, for the writer. */
export const rowsOf = (...entries: readonly (readonly [key: number, entry?: Entry])[]): Int32Array => {
  const rows = new Int32Array(entries.length * ROW_WORDS);
  entries.forEach(([key, { expiryS, meta } = { expiryS: 0, meta: 0 }], index) => {
    rows.set([...digestOf(key), expiryS, meta], index * ROW_WORDS);
  });
  return rows;
};

/** What a reader sees of a key. */
export const lookUp = ({ loops }: Pick<TableGround, 'loops'>, key: number): Entry | undefined => {
  const expiry = loops.find(...digestOf(key));
  return expiry === 0 ? undefined : { expiryS: expiry >>> 0, meta: loops.meta() >>> 0 };
};

/** The size that readers see. */
export const sizeOf = ({ words }: TableGround): number => words.load(TableWord.SIZE);
