/** What a process holds: threads, files, and what the event loop waits for. Linux. */
import { readdirSync, readlinkSync } from 'node:fs';

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
