/** From nothing to ten million: how fast, and how much memory at every size. */
import { TableWriter } from '../../../dist/table/table-writer.js';
import { uuidOf } from './keys.mjs';

const BATCH = 1_000;
const SMALLEST = 100_000;
const NEVER_S = 2 ** 32 - 1;
/** Half of them expire, in so many turns, for the expunge. */
export const EXPIRY_S = 1_000;
export const TURNS = 7;

/** @typedef {import('../../../dist/table/table-memory.js').TableMemory} TableMemory */

/** @param {import('../harness.mjs').Harness} harness @param {{ table: TableMemory, entries: number }} bench */
export const run = async (harness, { table, entries }) => {
  const writer = new TableWriter(table);
  const rows = new Int32Array(BATCH * 5);
  const rssBefore = process.memoryUsage().rss;
  /** @type {number[]} */
  const perSecond = [];
  /** @type {number[]} */
  const bytes = [];
  let elapsedMs = 0;
  for (let first = 0; first < entries; first += BATCH) {
    for (let index = 0; index < BATCH; index += 1) {
      writer.writeRow(
        rows,
        index,
        uuidOf(first + index),
        index % 2 === 0 ? NEVER_S : EXPIRY_S + (index % TURNS),
        index,
      );
    }
    const startedAt = performance.now();
    writer.put(rows);
    elapsedMs += performance.now() - startedAt;
    if (writer.size >= SMALLEST) bytes.push(writer.bytes / writer.size);
    if (writer.size % 500_000 === 0) {
      perSecond.push(500 / elapsedMs);
      elapsedMs = 0;
    }
  }
  if (writer.size !== entries) throw new Error(`Expected ${entries} entries, got ${writer.size}`);
  harness.row('inserts, rows made before', 'M/s', perSecond);
  harness.row('memory an entry, at every size from 100,000', 'B', bytes);
  const total = perSecond.reduce((sum, each) => sum + 1 / each, 0) / perSecond.length;
  harness.figure('inserts a second, millions', 1 / total, { atLeast: 1.5 });
  harness.figure('memory an entry, worst, bytes', Math.max(...bytes.slice(0, 100_000)), { atMost: 54 });
  harness.figure('memory an entry, average, bytes', bytes.reduce((sum, each) => sum + each, 0) / bytes.length);
  harness.figure('resident memory an entry, at the end, bytes', (process.memoryUsage().rss - rssBefore) / entries);
};
