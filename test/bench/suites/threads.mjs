/**
 * What a credential costs: memory over a bare worker thread, before and after its first mint, and the time to start, at
 * 1, 10, 50, 100 and 200 of them. Each measurement has a process of its own.
 */
import { slope } from '../../support/slope.mjs';
import { median } from '../statistics.mjs';
import { startEndpoint } from '../support/endpoint.mjs';
import { runProcess } from '../support/processes.mjs';

const ROUNDS = 7;
/** So many are compared with bare threads, in rounds that take turns. */
const THREADS = 20;
const MANY = 50;
/** Of these, each is measured so often: a process with 200 threads takes its time. */
const COUNTS = [1, 10, 50, 100, 200];
const COUNT_ROUNDS = 3;
const BOUND_MS = 120_000;
/** No token is refreshed while it is measured. */
const LIFE_S = 86_400;

/** @typedef {{ bytes: number, startMs: number }} Measured */

/** @param {import('../harness.mjs').Harness} harness */
export const run = async (harness) => {
  const endpoint = await startEndpoint(LIFE_S);
  /** @param {string} mode @param {number} count @returns {Promise<Measured>} */
  const measure = (mode, count) => runProcess('memory', { mode, count, url: endpoint.url }, BOUND_MS);
  /** @type {Record<'bare' | 'before' | 'after' | 'start', number[]>} */
  const series = { bare: [], before: [], after: [], start: [] };
  for (let round = 0; round < ROUNDS; round += 1) {
    harness.progress(`round ${round + 1} of ${ROUNDS}`);
    for (const mode of /** @type {const} */ (['bare', 'before', 'after'])) {
      series[mode].push((await measure(mode, THREADS)).bytes / THREADS / 2 ** 20);
    }
    series.start.push((await measure('start', MANY)).startMs);
  }
  harness.row('a bare worker thread', 'MB', series.bare);
  harness.row('a credential before its first mint', 'MB', series.before);
  harness.row('a credential after its first mint', 'MB', series.after);
  harness.row(`${MANY} credentials from start to all fresh`, 'ms', series.start);
  harness.ratio('memory before the first mint over a bare thread', series.before, series.bare);
  harness.ratio('memory after the first mint over a bare thread', series.after, series.bare, { atMost: 1.4 });
  harness.figure(`${MANY} credentials from start to all fresh, median in s`, median(series.start) / 1_000);

  for (const mode of /** @type {const} */ (['bare', 'after'])) {
    const what = mode === 'bare' ? 'bare threads' : 'credentials, all fresh';
    /** @type {[number, number][]} */
    const memory = [];
    /** @type {[number, number][]} */
    const time = [];
    for (const count of COUNTS) {
      harness.progress(`${count} ${what}`);
      /** @type {Measured[]} */
      const measured = [];
      for (let round = 0; round < COUNT_ROUNDS; round += 1) measured.push(await measure(mode, count));
      const megabytes = measured.map(({ bytes }) => bytes / 2 ** 20);
      const times = measured.map(({ startMs }) => startMs);
      harness.cell({ of: what, count, 'memory, MB': median(megabytes), 'start, ms': median(times) });
      memory.push([count, median(megabytes)]);
      time.push([count, median(times)]);
    }
    harness.figure(`${what}: MB each, by the slope`, slope(memory));
    harness.figure(`${what}: ms each, by the slope`, slope(time));
  }
  endpoint.close();
};
