/**
 * The longest pause of a reader and of the writer, while the table grows and while half of it is expunged, over the
 * longest of two threads that read the clock and do nothing else, for as long.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { median } from '../statistics.mjs';
import { EXPIRY_S, TURNS } from './growth.mjs';
import { startTableThread } from './threads.mjs';

const GROWTH = 250_000;

/** @typedef {import('../../../dist/table/table-memory.js').TableMemory} TableMemory */

/** @param {import('../harness.mjs').Harness} harness @param {{ table: TableMemory, entries: number, added: number }} bench */
export const run = async (harness, bench) => {
  const reader = startTableThread(bench.table);
  const writer = startTableThread(bench.table);
  await reader.ask('openReader', { entries: bench.entries });
  await writer.ask('openWriter');

  /** Two threads that read the clock for so long: the longest turn of either. @param {number} ms */
  const clockPause = async (ms) => {
    const clocks = [reader.ask('clock'), writer.ask('clock')];
    await sleep(ms);
    reader.stop();
    writer.stop();
    return Math.max(...(await Promise.all(clocks)).map(({ longest }) => longest));
  };

  /** @param {string} act @param {object} options */
  const pausesOf = async (act, options) => {
    const startedAt = performance.now();
    const looking = reader.ask('lookupPauses');
    const done = await writer.ask(act, options);
    reader.stop();
    const looked = await looking;
    const clock = await clockPause(performance.now() - startedAt);
    return { reader: looked.longest, writer: done.longest, clock, missed: looked.missed };
  };

  const growth = [];
  for (let round = 0; round < TURNS; round += 1) {
    growth.push(await pausesOf('growthPauses', { first: bench.entries + bench.added, count: GROWTH }));
    bench.added += GROWTH;
  }
  const expunge = [];
  for (let round = 0; round < TURNS; round += 1) {
    expunge.push(await pausesOf('expungePauses', { nowMs: (EXPIRY_S + round) * 1_000 }));
  }
  await Promise.all([reader.end(), writer.end()]);

  for (const [name, rounds] of /** @type {const} */ ([
    ['growth', growth],
    ['expunge of half', expunge],
  ])) {
    for (const who of /** @type {const} */ (['reader', 'writer', 'clock'])) {
      const label = who === 'clock' ? 'two clocks' : `the ${who}`;
      harness.row(
        `longest pause of ${label}, ${name}`,
        'ms',
        rounds.map((round) => round[who]),
      );
    }
    for (const who of /** @type {const} */ (['reader', 'writer'])) {
      const over = median(rounds.map((round) => round[who] - round.clock));
      harness.figure(`longest pause of the ${who} over the clocks, ${name}, ms`, over, { atMost: 2 });
    }
  }
  // What expires is missed when it is expunged; nothing else ever is.
  harness.figure(
    'false misses while it grows',
    growth.reduce((sum, { missed }) => sum + missed, 0),
    { atMost: 0 },
  );
};
