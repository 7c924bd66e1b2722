/**
 * 20 credentials of 5 s for 10 minutes (`SOAK_S` for another time): processor time a refresh, the slope of the memory,
 * and mints against their ideal number.
 */
import { slope } from '../../support/slope.mjs';
import { startEndpoint } from '../support/endpoint.mjs';
import { startProcess } from '../support/processes.mjs';

const LIFE_S = 5;
const CREDENTIALS = 20;
/** What starts up does not count. */
const SETTLE_S = 20;
/** The most that it takes until the first sample. */
const START_MS = 60_000;
/** How far apart the samples are that are kept. */
const SAMPLE_S = 5;

/** @typedef {{ cpuMs: number, rss: number, refreshes: number, unavailable: number }} Sample */

/** @param {import('../harness.mjs').Harness} harness */
export const run = async (harness) => {
  const seconds = Number(process.env['SOAK_S'] ?? 600);
  const endpoint = await startEndpoint(LIFE_S);
  const boundMs = 2_000 * (SETTLE_S + seconds) + START_MS;
  const soaked = startProcess('soak', { url: endpoint.url, count: CREDENTIALS }, boundMs);
  /** @type {Sample[]} */
  const samples = [];
  while (samples.length < SETTLE_S + seconds) {
    samples.push(await soaked.hear());
    if (samples.length % 30 === 0) harness.progress(`${samples.length} s of ${SETTLE_S + seconds}`);
  }
  soaked.stop();
  await soaked.ended;
  endpoint.close();
  const counted = samples.slice(SETTLE_S);
  const [first, last] = [counted[0], counted.at(-1)];
  if (!first || !last) throw new RangeError('Expected samples, got none');
  const refreshes = last.refreshes - first.refreshes;
  // A token is replaced a quarter of its life before its end, and up to 5 % of it earlier, by chance.
  const idealEveryS = LIFE_S * (1 - 0.25 - 0.025);
  const resident = counted.map(({ rss }) => rss / 2 ** 20);
  const kept = resident.flatMap((megabytes, second) =>
    second % SAMPLE_S === 0 ? [/** @type {const} */ ([second, megabytes])] : [],
  );
  for (const [second, megabytes] of kept) harness.cell({ second, 'resident, MB': megabytes });
  harness.row('resident memory', 'MB', resident);
  harness.figure('processor time a refresh, ms', (last.cpuMs - first.cpuMs) / refreshes);
  harness.figure('processor time of one core, %', (last.cpuMs - first.cpuMs) / (counted.length - 1) / 10);
  harness.figure('memory slope, MB an hour', slope(kept) * 3_600);
  harness.figure('mints over the ideal number', refreshes / ((CREDENTIALS * (counted.length - 1)) / idealEveryS));
  harness.figure('looks that found no token', last.unavailable, { atMost: 0 });
  harness.note(`${CREDENTIALS} credentials of ${LIFE_S} s for ${seconds} s.`);
};
