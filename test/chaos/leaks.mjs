/** What a process holds: threads, files, and what the event loop waits for. Linux. */
import { readdirSync, readlinkSync } from 'node:fs';
import { slope } from '../support/slope.mjs';

/** @returns {Record<string, number>} */
export const held = () => {
  /** @type {Record<string, number>} */
  const counts = { threads: readdirSync('/proc/self/task').length };
  const count = (/** @type {string} */ what) => (counts[what] = (counts[what] ?? 0) + 1);
  for (const resource of process.getActiveResourcesInfo()) count(resource);
  for (const file of readdirSync('/proc/self/fd')) {
    try {
      count(`fd ${readlinkSync(`/proc/self/fd/${file}`).replace(/[:/].*/, '')}`);
    } catch {
      // The one that lists them.
    }
  }
  return counts;
};

/** What there is more of. @param {Record<string, number>} before @param {Record<string, number>} after */
export const more = (before, after) =>
  Object.entries(after).flatMap(([what, count]) =>
    count > (before[what] ?? 0) ? [`${what}: ${before[what] ?? 0} before, ${count} after`] : [],
  );

/** Of this process, after a collection: MB. */
export const memory = () => {
  globalThis.gc?.();
  const { heapUsed, rss, external } = process.memoryUsage();
  return { heap: heapUsed / 2 ** 20, rss: rss / 2 ** 20, external: external / 2 ** 20 };
};

/** @typedef {{ atMin: number, heap: number, rss: number, external: number }} Memory */

/** Of a run that is too short for a slope. */
const HEAP_GROWTH_MB = 12;
const RSS_GROWTH_MB = 160;
/** With each supervisor thread all actors are new, and the process is some 50 MB larger or smaller: less time tells nothing. */
const SLOPE_FROM_S = 600;
const HEAP_MB_A_MINUTE = 0.5;
const RSS_MB_A_MINUTE = 6;

/** @param {Memory[]} sampled @param {number} seconds of the run @returns {string[]} */
export const memoryProblems = (sampled, seconds) => {
  if (sampled.length < 2) return ['memory was not sampled'];
  if (seconds >= SLOPE_FROM_S) {
    // What the allocator has grown to in the beginning, it keeps.
    const settled = sampled.slice(Math.floor(sampled.length / 4));
    const slopes = {
      heap: slope(settled.map(({ atMin, heap }) => [atMin, heap])),
      rss: slope(settled.map(({ atMin, rss }) => [atMin, rss])),
    };
    return [
      ...(slopes.heap > HEAP_MB_A_MINUTE ? [`the heap grows by ${slopes.heap.toFixed(2)} MB a minute`] : []),
      ...(slopes.rss > RSS_MB_A_MINUTE ? [`the process grows by ${slopes.rss.toFixed(2)} MB a minute`] : []),
    ];
  }
  const third = Math.ceil(sampled.length / 3);
  const most = (/** @type {typeof sampled} */ list, /** @type {'heap' | 'rss'} */ of) =>
    Math.max(...list.map((one) => one[of]));
  // All actors may have been dead at some of these moments.
  const grown = (/** @type {'heap' | 'rss'} */ of) =>
    most(sampled.slice(-third), of) - most(sampled.slice(0, -third), of);
  return [
    ...(grown('heap') > HEAP_GROWTH_MB ? [`the heap has grown by ${grown('heap').toFixed(0)} MB`] : []),
    ...(grown('rss') > RSS_GROWTH_MB ? [`the process has grown by ${grown('rss').toFixed(0)} MB`] : []),
  ];
};
