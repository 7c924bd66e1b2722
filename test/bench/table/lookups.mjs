/** One reader, the digest excluded, beside a JS Map of the same strings; quiet, and beside a writer at full speed. */
import { TableReader } from '../../../dist/table/table-reader.js';
import { median } from '../statistics.mjs';
import { SAMPLE, sampleRows, uuidOf } from './keys.mjs';
import { startTableThread } from './threads.mjs';

/** @typedef {import('../../../dist/table/table-memory.js').TableMemory} TableMemory */

/** @param {import('../harness.mjs').Harness} harness @param {{ table: TableMemory, entries: number, added: number }} bench */
export const run = async (harness, bench) => {
  const { table, entries } = bench;
  const reader = new TableReader(table);
  /** @param {Int32Array} rows @param {boolean} expected @returns {import('../harness.mjs').Batch} */
  const lookups = (rows, expected) => (count) => {
    let found = 0;
    for (let index = 0; index < count; index += 1) if (reader.findRow(rows, index & (SAMPLE - 1))) found += 1;
    if (found !== (expected ? count : 0)) throw new Error(`Expected ${expected ? count : 0} hits, got ${found}`);
    return found + 1;
  };
  const uuids = Array.from({ length: 10_000 }, (_, index) => uuidOf(index));
  const map = startTableThread(table);
  await map.ask('fillMap', { entries });
  const series = await harness.throughput({
    'hit, digest excluded': lookups(sampleRows(reader, entries), true),
    'miss, digest excluded': lookups(sampleRows(reader, entries, 2 ** 30), false),
    'hit in a Map, fresh strings': (count) => map.ask('mapLookups', { count }),
    'has(uuid), the digest included': (count) => {
      let found = 0;
      for (let index = 0; index < count; index += 1) if (reader.has(uuids[index % 10_000] ?? '')) found += 1;
      return found;
    },
  });
  await map.end();
  harness.figure('hit, ns', median(series['hit, digest excluded'] ?? []), { atMost: 300 });
  harness.figure('miss, ns', median(series['miss, digest excluded'] ?? []), { atMost: 300 });
  harness.ratio('hit over a hit in a Map', series['hit, digest excluded'], series['hit in a Map, fresh strings'], {
    atMost: 1,
  });

  const other = startTableThread(table);
  const writer = startTableThread(table);
  await other.ask('openReader', { entries });
  await writer.ask('openWriter');
  let missed = 0;
  let inserted = 0;
  let insertingMs = 0;
  const lookupsElsewhere = async (/** @type {number} */ count) => {
    const timed = await other.ask('lookups', { count });
    missed += timed.missed;
    return timed;
  };
  const beside = await harness.throughput({
    'lookups, quiet': lookupsElsewhere,
    'lookups, beside a thread that reads the clock': async (count) => {
      const reading = writer.ask('clock');
      const timed = await lookupsElsewhere(count);
      writer.stop();
      await reading;
      return timed;
    },
    'lookups, beside a writer at full speed': async (count) => {
      const startedAt = performance.now();
      const writing = writer.ask('insertOn', { first: entries + bench.added });
      const timed = await lookupsElsewhere(count);
      writer.stop();
      const next = await writing;
      insertingMs += performance.now() - startedAt;
      inserted += next - entries - bench.added;
      bench.added = next - entries;
      return timed;
    },
  });
  await Promise.all([other.end(), writer.end()]);
  harness.figure('false misses beside a writer', missed, { atMost: 0 });
  harness.ratio(
    'throughput beside a writer over quiet',
    beside['lookups, quiet'],
    beside['lookups, beside a writer at full speed'],
    {
      atLeast: 0.7,
    },
  );
  harness.ratio(
    'throughput beside a writer over beside a clock',
    beside['lookups, beside a thread that reads the clock'],
    beside['lookups, beside a writer at full speed'],
  );
  harness.figure('inserts meanwhile, millions a second', inserted / insertingMs / 1_000);
};
