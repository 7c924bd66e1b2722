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

/** Of a line through the points, by least squares: per unit of x. @param {readonly (readonly [number, number])[]} points */
export const slope = (points) => {
  const mean = (/** @type {0 | 1} */ of) => points.reduce((sum, point) => sum + point[of], 0) / points.length;
  const [x, y] = [mean(0), mean(1)];
  const over = points.reduce((sum, point) => sum + (point[0] - x) * (point[1] - y), 0);
  const under = points.reduce((sum, point) => sum + (point[0] - x) ** 2, 0);
  return under === 0 ? 0 : over / under;
};
