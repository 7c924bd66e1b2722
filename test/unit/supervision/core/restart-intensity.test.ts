import { describe, expect, it } from 'vitest';
import {
  addChildRestart,
  addSharedRestart,
  parkWaitMs,
  restartWaitMs,
} from '../../../../src/supervision/core/restart-intensity.js';

const threeInFive = { maxRestarts: 3, maxSeconds: 5 };

describe('addSharedRestart', () => {
  it('counts whole seconds, the edge of the period included', () => {
    // 5.999 s later in the same five seconds, as OTP counts: from second 10 to second 15.
    expect(addSharedRestart([10, 10, 10], 15_999, threeInFive)).toEqual({ allowed: false, times: [10, 10, 10] });
    expect(addSharedRestart([10, 10, 10], 16_000, threeInFive)).toEqual({ allowed: true, times: [16] });
  });

  it('keeps the newest first and drops the rest at the first that is too old', () => {
    expect(addSharedRestart([14, 12, 3], 15_000, threeInFive)).toEqual({ allowed: true, times: [15, 14, 12] });
  });

  it('allows none at an intensity of 0', () => {
    expect(addSharedRestart([], 1_000, { maxRestarts: 0, maxSeconds: 5 }).allowed).toBe(false);
  });
});

describe('addChildRestart', () => {
  it('is exact to the millisecond, the edge included', () => {
    expect(addChildRestart([10_000, 10_000, 10_000], 15_000, threeInFive).allowed).toBe(false);
    expect(addChildRestart([10_000, 10_000, 10_000], 15_001, threeInFive)).toEqual({ allowed: true, times: [15_001] });
  });
});

it('restarts wait 0, 100, 200 ... 1,000 ms', () => {
  expect([1, 2, 3, 10, 11, 12, 99].map(restartWaitMs)).toEqual([0, 100, 200, 900, 1_000, 1_000, 1_000]);
});

it('parks double up to their maximum', () => {
  expect([1, 2, 3, 4, 5, 2_000].map((nth) => parkWaitMs(nth, 60_000, 600_000))).toEqual([
    60_000, 120_000, 240_000, 480_000, 600_000, 600_000,
  ]);
});
