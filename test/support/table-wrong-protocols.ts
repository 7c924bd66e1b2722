/** Protocols that look right and are not: the explorer has to find what each of them does wrong. */
import { DIRECTORY, segmentBase, segmentOf, TableWord } from '../../src/table/layout.js';
import type { LoopWords } from '../../src/table/loops/words.js';
import type { TableLoops } from '../../src/table/table-loops.js';
import type { TableGround } from '../../src/table/ground.js';
import { digestOf, groundOn, type Entry } from './table-ground.js';

/** The ground of the package, with some of its loops replaced. */
const withLoops = (
  words: LoopWords,
  replace: (loops: TableLoops, ground: TableGround) => Partial<TableLoops>,
): TableGround => {
  const ground = groundOn(words);
  return { ...ground, loops: { ...ground.loops, ...replace(ground.loops, ground) } };
};

/** Writers. */
export const wrongGrounds: Readonly<Record<string, (words: LoopWords) => TableGround>> = {
  'a segment that is used again under the same entry': (words) =>
    withLoops(words, (loops) => ({ wipe: (segment) => (loops.wipe(segment), 1) })),

  'an old meta that goes before the new one comes': (words) =>
    withLoops(words, (loops) => ({
      append: (segment, d0, d1, d2, expiry, meta) => {
        loops.drop(loops.seek(segment, d0, d1, d2));
        loops.append(segment, d0, d1, d2, expiry, meta);
      },
    })),

  'an entry that counts before its words are there': (words) =>
    withLoops(words, (loops, { geometry }) => ({
      set: (segment, d0, d1, d2, ...rest) => {
        const at = segmentBase(geometry, segment) + 16 * (d1 & (geometry.buckets - 1));
        const control = words.load(at);
        if (loops.seek(segment, d0, d1, d2) !== 0) return loops.set(segment, d0, d1, d2, ...rest);
        const slot = at + 1 + 5 * (control & 3);
        // The digest first: without it nobody would take it for the entry.
        [d0, d1, d2].forEach((word, index) => words.store(slot + index, word));
        words.store(at, control + 1);
        words.store(slot + 3, rest[0]);
        words.store(slot + 4, rest[1]);
        return 1;
      },
    })),

  'a deeper directory that counts before it is filled, with what was there before': (words) =>
    withLoops(words, (loops) => ({
      deepen: (depth) => {
        // As if it had been used before.
        for (let index = 0; index < 2 << depth; index++) words.store(DIRECTORY + (2 << depth) + index, 1 << 14);
        words.store(TableWord.DEPTH, depth + 1);
        loops.deepen(depth);
      },
    })),

  'a shallower directory that is not silenced': (words) => {
    const ground = groundOn(words);
    return {
      ...ground,
      loops: { ...ground.loops, fill: (at, count, value) => value !== 0 && ground.loops.fill(at, count, value) },
    };
  },
};

/** Looks a key up, with one precaution less. */
const probe = (words: LoopWords, entry: number, key: number, removedCount: boolean): Entry | undefined => {
  const { geometry } = groundOn(words);
  const digest = digestOf(key);
  let bucket = digest[1] & (geometry.buckets - 1);
  for (let n = 0; n < geometry.buckets; n++) {
    const at = segmentBase(geometry, segmentOf(entry)) + 16 * bucket;
    const control = words.load(at);
    for (let index = 0; index < (control & 3); index++) {
      const slot = at + 1 + 5 * index;
      if (digest.some((word, offset) => words.load(slot + offset) !== word)) continue;
      if ((control & (4 << index)) !== 0) {
        if (removedCount) return undefined;
        continue;
      }
      return { expiryS: words.load(slot + 3) >>> 0, meta: words.load(slot + 4) >>> 0 };
    }
    if ((control & 128) === 0) return undefined;
    bucket = (bucket + 1) & (geometry.buckets - 1);
  }
  return undefined;
};

const entryFor = (words: LoopWords, key: number): { place: number; entry: number } => {
  for (;;) {
    const depth = words.load(TableWord.DEPTH);
    const place = DIRECTORY + (1 << depth) + (depth === 0 ? 0 : digestOf(key)[0] >>> (32 - depth));
    const entry = words.load(place);
    if (entry !== 0) return { place, entry };
  }
};

/** Readers. */
export const wrongReaders: Readonly<Record<string, (words: LoopWords, key: number) => Entry | undefined>> = {
  'no second load of the entry': (words, key) => probe(words, entryFor(words, key).entry, key, false),

  'a second load after a hit alone': (words, key) => {
    for (;;) {
      const { place, entry } = entryFor(words, key);
      const found = probe(words, entry, key, false);
      if (!found || words.load(place) === entry) return found;
    }
  },

  'a second load after a miss alone': (words, key) => {
    for (;;) {
      const { place, entry } = entryFor(words, key);
      const found = probe(words, entry, key, false);
      if (found || words.load(place) === entry) return found;
    }
  },

  'a removed slot that ends the search': (words, key) => {
    for (;;) {
      const { place, entry } = entryFor(words, key);
      const found = probe(words, entry, key, true);
      if (words.load(place) === entry) return found;
    }
  },
};
