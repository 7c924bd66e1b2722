/**
 * 20 credentials of 5 s for 10 minutes (`SOAK_S` for another time): processor time a refresh, the slope of the memory,
 * and mints against their ideal number.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { startEndpoint } from '../support/endpoint.mjs';
import { median } from '../statistics.mjs';

const LIFE_S = 5;
const CREDENTIALS = 20;
/** What starts up does not count. */
const SETTLE_S = 20;
/** How far apart the samples are that are kept. */
const SAMPLE_S = 5;

/** @typedef {{ cpuMs: number, rss: number, refreshes: number, unavailable: number }} Sample */

/** The slope of the line through the points that is least moved by outliers (Theil and Sen). @param {number[]} values */
const slope = (values) => {
  const slopes = [];
  for (let from = 0; from < values.length; from += 5) {
    for (let to = from + 5; to < values.length; to += 5)
      slopes.push(((values[to] ?? 0) - (values[from] ?? 0)) / (to - from));
  }
  return median(slopes);
};

/** @param {import('../harness.mjs').Harness} harness */
export const run = async (harness) => {
  const seconds = Number(process.env['SOAK_S'] ?? 600);
  const endpoint = await startEndpoint(LIFE_S);
  const options = JSON.stringify({ url: endpoint.url, count: CREDENTIALS });
  const child = fork(fileURLToPath(new URL('../support/soak-process.mjs', import.meta.url)), [options], {
    execArgv: ['--expose-gc'],
  });
  /** @type {Sample[]} */
  const samples = [];
  while (samples.length < SETTLE_S + seconds) {
    const [sample] = await once(child, 'message');
    samples.push(sample);
    if (samples.length % 30 === 0) harness.progress(`${samples.length} s of ${SETTLE_S + seconds}`);
  }
  child.send('stop');
  await once(child, 'exit');
  endpoint.close();
  const counted = samples.slice(SETTLE_S);
  const [first, last] = [counted[0], counted.at(-1)];
  if (!first || !last) throw new RangeError('Expected samples, got none');
  const refreshes = last.refreshes - first.refreshes;
  // A token is replaced a quarter of its life before its end, and up to 5 % of it earlier, by chance.
  const idealEveryS = LIFE_S * (1 - 0.25 - 0.025);
  counted.forEach(({ rss }, second) => {
    if (second % SAMPLE_S === 0) harness.cell({ second, 'resident, MB': rss / 2 ** 20 });
  });
  harness.row(
    'resident memory',
    'MB',
    counted.map(({ rss }) => rss / 2 ** 20),
  );
  harness.figure('processor time a refresh, ms', (last.cpuMs - first.cpuMs) / refreshes);
  harness.figure('processor time of one core, %', (last.cpuMs - first.cpuMs) / counted.length / 10);
  harness.figure('memory slope, MB an hour', (slope(counted.map(({ rss }) => rss)) * 3_600) / 2 ** 20);
  harness.figure('mints over the ideal number', refreshes / ((CREDENTIALS * (counted.length - 1)) / idealEveryS));
  harness.figure('looks that found no token', last.unavailable, { atMost: 0 });
  harness.note(`${CREDENTIALS} credentials of ${LIFE_S} s for ${seconds} s.`);
};
