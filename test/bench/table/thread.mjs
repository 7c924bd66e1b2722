/** A thread of the table's figures: it does one thing at a time, as it is told, and answers with what that took. */
import { parentPort, workerData } from 'node:worker_threads';
import { TableReader } from '../../../dist/table/table-reader.js';
import { TableWriter } from '../../../dist/table/table-writer.js';
import { mixed, numbersBelow, SAMPLE, sampleRows, uuidOf } from './keys.mjs';

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
/** @type {Map<string, number> | undefined} */
let map;
const UUID_LENGTH = 36;
const keys = Buffer.alloc(SAMPLE * UUID_LENGTH);

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
    map = new Map();
    for (let index = 0; index < entries; index += 1) map.set(uuidOf(index), index);
    const next = numbersBelow(entries);
    for (let index = 0; index < SAMPLE; index += 1) keys.write(uuidOf(next()), index * UUID_LENGTH, 'latin1');
    return map.size;
  },
  /** Fresh strings, as they come from a socket: the hash of a string is made once, and kept with it. */
  mapLookups: ({ count }) => {
    let elapsedMs = 0;
    let found = 0;
    for (let done = 0; done < count; done += 10_000) {
      const fresh = Array.from({ length: Math.min(10_000, count - done) }, (_, index) => {
        const at = ((done + index) & (SAMPLE - 1)) * UUID_LENGTH;
        return keys.toString('latin1', at, at + UUID_LENGTH);
      });
      const startedAt = performance.now();
      for (const key of fresh) if (map?.has(key)) found += 1;
      elapsedMs += performance.now() - startedAt;
    }
    if (found !== count) throw new Error(`Expected ${count} hits, got ${found}`);
    return { elapsedMs, sink: found };
  },
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

parentPort?.on('message', (/** @type {{ act: string }} */ order) => {
  parentPort?.postMessage(order.act === 'end' ? parentPort.close() : acts[order.act]?.(order));
});
