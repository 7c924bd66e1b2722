/** What a credential costs: memory over a bare worker thread, before and after its first mint; and the start of 50. */
import { execFile, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { median } from '../statistics.mjs';

const execute = promisify(execFile);
const ROUNDS = 7;
const THREADS = 20;
const MANY = 50;
const script = fileURLToPath(new URL('../support/memory-process.mjs', import.meta.url));

/** @param {import('../harness.mjs').Harness} harness */
export const run = async (harness) => {
  const endpoint = fork(fileURLToPath(new URL('../support/token-endpoint.mjs', import.meta.url)));
  const [port] = await once(endpoint, 'message');
  /** @param {string} mode @param {number} count @returns {Promise<{ bytes: number, startMs: number }>} */
  const measure = async (mode, count) => {
    const { stdout } = await execute(process.execPath, ['--expose-gc', script, mode, String(count), String(port)], {
      timeout: 60_000,
    });
    return JSON.parse(stdout);
  };
  /** @type {Record<'bare' | 'before' | 'after' | 'start', number[]>} */
  const series = { bare: [], before: [], after: [], start: [] };
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const mode of /** @type {const} */ (['bare', 'before', 'after'])) {
      series[mode].push((await measure(mode, THREADS)).bytes / THREADS / 2 ** 20);
    }
    series.start.push((await measure('start', MANY)).startMs);
  }
  endpoint.disconnect();
  harness.row('a bare worker thread', 'MB', series.bare);
  harness.row('a credential before its first mint', 'MB', series.before);
  harness.row('a credential after its first mint', 'MB', series.after);
  harness.row(`${MANY} credentials from start to all fresh`, 'ms', series.start);
  harness.ratio('memory before the first mint over a bare thread', series.before, series.bare);
  harness.ratio('memory after the first mint over a bare thread', series.after, series.bare);
  harness.figure(`${MANY} credentials from start to all fresh, median in s`, median(series.start) / 1_000);
};
