/**
 * 20 credentials of 5 s for 10 minutes, or `--minutes`: processor time a refresh, the slope of the memory, and mints against
 * their ideal number. What runs anyway is not a refresh's: it is measured with tokens that live for an
 * hour, for a minute, and taken off.
 */
import { slope } from '../../support/slope.mjs';
import { startEndpoint } from '../support/endpoint.mjs';
import { startProcess } from '../support/processes.mjs';

const LIFE_S = 5;
const CREDENTIALS = 20;
/** What starts up does not count. */
const SETTLE_S = 20;
/** Nor what V8 tidies up after the start, for up to 40 s, where nothing else is to do. */
const IDLE_SETTLE_S = 45;
const IDLE_S = 60;
const IDLE_LIFE_S = 3_600;
/** The most that it takes until the first sample. */
const START_MS = 60_000;
/** What V8 compiles, and first collects, is no growth; a slope takes as long again. */
const GROWN_S = 600;
const MOST_MB_A_MINUTE = 0.1;
/** How far apart the samples are that are kept. */
const SAMPLE_S = 5;

/** @typedef {{ atMs: number, cpuMs: number, rss: number, refreshes: number, unavailable: number }} Sample */

/**
 * A sample each second, from `settleS` on.
 *
 * @param {import('../harness.mjs').Harness} harness
 * @param {{ lifeS: number, settleS: number, seconds: number }} times
 */
const sample = async (harness, { lifeS, settleS, seconds }) => {
  const endpoint = await startEndpoint(lifeS);
  const boundMs = 2_000 * (settleS + seconds) + START_MS;
  const soaked = startProcess('soak', { url: endpoint.url, count: CREDENTIALS }, boundMs);
  /** @type {Sample[]} */
  const samples = [];
  while (samples.length < settleS + seconds) {
    samples.push(await soaked.hear());
    if (samples.length % 30 === 0) harness.progress(`${samples.length} s of ${settleS + seconds}`);
  }
  soaked.stop();
  await soaked.ended;
  endpoint.close();
  const counted = samples.slice(settleS);
  const [first, last] = [counted[0], counted.at(-1)];
  if (!first || !last) throw new RangeError('Expected samples, got none');
  const elapsedS = (last.atMs - first.atMs) / 1_000;
  return { counted, first, last, elapsedS, cpuMsASecond: (last.cpuMs - first.cpuMs) / elapsedS };
};

/** @param {import('../harness.mjs').Harness} harness @param {{ minutes?: number }} [options] */
export const run = async (harness, { minutes = 10 } = {}) => {
  const seconds = minutes * 60;
  const idle = await sample(harness, { lifeS: IDLE_LIFE_S, settleS: IDLE_SETTLE_S, seconds: IDLE_S });
  const { counted, first, last, elapsedS, cpuMsASecond } = await sample(harness, {
    lifeS: LIFE_S,
    settleS: SETTLE_S,
    seconds,
  });
  const refreshes = last.refreshes - first.refreshes;
  // A token is replaced a quarter of its life before its end, and up to 5 % of it earlier, by chance.
  const idealEveryS = LIFE_S * (1 - 0.25 - 0.025);
  const resident = counted.map(({ rss }) => rss / 2 ** 20);
  const kept = resident.flatMap((megabytes, second) =>
    second % SAMPLE_S === 0 ? [/** @type {const} */ ([second, megabytes])] : [],
  );
  for (const [second, megabytes] of kept) harness.cell({ second, 'resident, MB': megabytes });
  harness.row('resident memory', 'MB', resident);
  harness.figure('processor time a refresh, ms', ((cpuMsASecond - idle.cpuMsASecond) * elapsedS) / refreshes);
  harness.figure('processor time of an idle credential, ms a second', idle.cpuMsASecond / CREDENTIALS);
  harness.figure('processor time of one core, %', cpuMsASecond / 10);
  harness.figure('memory slope, MB a minute', slope(kept) * 60);
  if (seconds >= 2 * GROWN_S) {
    const grown = kept.filter(([second]) => second + SETTLE_S >= GROWN_S);
    harness.figure('memory slope after minute 10, MB a minute', slope(grown) * 60, { atMost: MOST_MB_A_MINUTE });
  }
  harness.figure('mints over the ideal number', refreshes / ((CREDENTIALS * elapsedS) / idealEveryS));
  harness.figure('looks that found no token', last.unavailable, { atMost: 0 });
  harness.note(`${CREDENTIALS} credentials of ${LIFE_S} s for ${seconds} s.`);
};
