/** A thread of the table's figures: it does one thing at a time, as it is told, and answers with what that took. */
import { parentPort, workerData } from 'node:worker_threads';
import { TableReader } from '../../../dist/table/table-reader.js';
import { TableWriter } from '../../../dist/table/table-writer.js';
import { freshKeys, lookingFor } from './fresh-keys.mjs';
import { mixed, SAMPLE, sampleRows, uuidOf } from './keys.mjs';

/** @type {{ table: import('../../../dist/table/table-memory.js').TableMemory, stop: SharedArrayBuffer }} */
const { table, stop } = workerData;
const stopped = new Int32Array(stop);
const isStopped = () => Atomics.load(stopped, 0) === 1;

/** @type {TableReader | undefined} */
let reader;
/** @type {TableWriter | undefined} */
let writer;
/** @type {Int32Array | undefined} */
let sample;
/** Fresh strings, as they come from a socket: the hash of a string is made once, and kept with it. @type {import('../harness.mjs').Batch | undefined} */
let mapLookups;

const rowsFrom = (/** @type {TableReader} */ using, /** @type {number} */ first, /** @type {number} */ count) => {
  const rows = new Int32Array(count * 5);
  for (let index = 0; index < count; index += 1) using.writeRow(rows, index, uuidOf(first + index), 2 ** 32 - 1, index);
  return rows;
};

/** Longest time from one turn to the next, until it is stopped; `turn` says false if there is nothing more to do. */
const longestTurn = (/** @type {() => boolean} */ turn) => {
  let longest = 0;
  let turns = 0;
  let before = performance.now();
  while (!isStopped() && turn()) {
    const now = performance.now();
    if (now - before > longest) longest = now - before;
    before = now;
    turns += 1;
  }
  return { longest, turns };
};

/** @type {Readonly<Record<string, (order: any) => unknown>>} */
const acts = {
  openReader: ({ entries }) => {
    reader = new TableReader(table);
    sample = sampleRows(reader, entries);
    return true;
  },
  openWriter: () => (writer = new TableWriter(table)).size,
  fillMap: ({ entries }) => {
    /** @type {Map<string, number>} */
    const map = new Map();
    for (let index = 0; index < entries; index += 1) map.set(uuidOf(index), index);
    mapLookups = lookingFor(freshKeys(entries, 0), true, (keys) => {
      let found = 0;
      for (const key of keys) if (map.has(key)) found += 1;
      return found;
    });
    return map.size;
  },
  mapLookups: ({ count }) => mapLookups?.(count),
  lookups: ({ count }) => {
    if (!reader || !sample) throw new Error('Expected a reader');
    const startedAt = performance.now();
    let found = 0;
    for (let index = 0; index < count; index += 1) if (reader.findRow(sample, index & (SAMPLE - 1))) found += 1;
    return { elapsedMs: performance.now() - startedAt, sink: found + 1, missed: count - found };
  },
  /** Puts new entries until it is stopped, with digests that cost nothing, as if another thread had made them. */
  insertOn: ({ first }) => {
    if (!writer) throw new Error('Expected a writer');
    const rows = new Int32Array(1_000 * 5);
    let next = first;
    while (!isStopped()) {
      for (let index = 0; index < rows.length; index += 1) rows[index] = mixed(next * 5 + index);
      writer.put(rows);
      next += 1_000;
    }
    return next;
  },
  clock: () => longestTurn(() => true),
  lookupPauses: () => {
    if (!reader || !sample) throw new Error('Expected a reader');
    let index = 0;
    let missed = 0;
    const turns = longestTurn(() => {
      if (!reader?.findRow(/** @type {Int32Array} */ (sample), (index = (index + 1) & (SAMPLE - 1)))) missed += 1;
      return true;
    });
    return { ...turns, missed };
  },
  /** Puts so many keys, a few at a time, whose rows were made before. */
  growthPauses: ({ first, count }) => {
    const rows = rowsFrom(/** @type {TableWriter} */ (writer), first, count);
    let at = 0;
    return longestTurn(() => {
      writer?.put(rows.subarray(at, at + 50));
      return (at += 50) < rows.length;
    });
  },
  expungePauses: ({ nowMs }) => {
    const steps = /** @type {TableWriter} */ (writer).expunge(nowMs);
    let removed = 0;
    const turns = longestTurn(() => {
      const { done, value } = steps.next();
      if (!done) removed += value;
      return !done;
    });
    return { ...turns, removed };
  },
};

parentPort?.on('message', async (/** @type {{ act: string }} */ order) => {
  parentPort?.postMessage(await acts[order.act]?.(order));
});
