/** The scenarios of docs/explanation/reliability.md, 'A busy or frozen machine', at length. */
import { afterEach } from 'vitest';
import { testHang, testStarved } from '../support/starvations.js';
import { cleanUp } from '../support/supervised.js';

afterEach(cleanUp);

const MINUTES = 60_000;

testStarved({ share: { quota: 0.3 }, count: 100, ms: 5_000 }, 4 * MINUTES);
testStarved({ share: { quota: 0.1 }, count: 40, ms: 5_000 }, 4 * MINUTES);
testStarved({ share: { loops: 8 }, count: 150, ms: 5_000 }, 4 * MINUTES);
testStarved({ share: { loops: 8, oneCore: true }, count: 40, ms: 30_000 }, 4 * MINUTES);
testStarved({ share: { quota: 0.1 }, count: 5, ms: 10 * MINUTES, hangTimeoutMs: 200, onceStarted: true }, 15 * MINUTES);
testStarved(
  { share: { quota: 0.05 }, count: 5, ms: 10 * MINUTES, hangTimeoutMs: 200, onceStarted: true, isBeyond: true },
  15 * MINUTES,
);
testStarved(
  { share: { quota: 0.02 }, count: 5, ms: 10 * MINUTES, hangTimeoutMs: 1_000, onceStarted: true, isBeyond: true },
  15 * MINUTES,
);

// On a free machine.
testHang('block', 10_000, 2);
testHang('spin', 10_000, 2);
// Anywhere: in looks of the watcher, which come late here as well.
testHang('block', 1_000, 60, { quota: 0.1 });
testHang('spin', 1_000, 60, { quota: 0.1 });
