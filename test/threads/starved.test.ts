/** Part of what test/long/starved.test.ts does at length. */
import { afterEach } from 'vitest';
import { testHang, testStarved } from '../support/starvations.js';
import { cleanUp } from '../support/supervised.js';

afterEach(cleanUp);

testStarved({ share: { quota: 0.1 }, count: 5, ms: 15_000, hangTimeoutMs: 200, onceStarted: true }, 60_000);

// A loop is found by what it gets of a processor, and a machine may be busy: what a free one takes is in test/long.
testHang('block', 1_000, 8);
testHang('spin', 1_000, 30);
