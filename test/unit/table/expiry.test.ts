import { describe, expect, it } from 'vitest';
import { expiredBy, expiryMs, expirySeconds, NEVER_S } from '../../../src/table/expiry.js';

describe('an expiry in seconds', () => {
  it('is rounded down for what is accepted, up for what is remembered', () => {
    for (const [ms, down, up] of [
      [1_000, 1, 1],
      [1_001, 1, 2],
      [1_999, 1, 2],
      [1_700_000_000_500, 1_700_000_000, 1_700_000_001],
    ] as const) {
      expect([expirySeconds(ms, 'down'), expirySeconds(ms, 'up')]).toEqual([down, up]);
    }
  });

  it('is never 0, which stands for no entry', () => {
    for (const ms of [0, 1, 999, -5_000, -Infinity]) {
      expect(expirySeconds(ms, 'down')).toBe(1);
      expect(expirySeconds(ms, 'up')).toBe(1);
    }
  });

  it('is never for Infinity, and for what is remembered past the last second there is', () => {
    const last = (NEVER_S - 1) * 1_000;
    expect(expirySeconds(last, 'down')).toBe(NEVER_S - 1);
    expect(expirySeconds(last, 'up')).toBe(NEVER_S - 1);
    expect(expirySeconds(last + 1, 'up')).toBe(NEVER_S);
    expect(expirySeconds(last + 5_000, 'down')).toBe(NEVER_S - 1);
    for (const rounding of ['down', 'up'] as const) expect(expirySeconds(Infinity, rounding)).toBe(NEVER_S);
  });

  it('errs on the side of refusing where there is no number', () => {
    expect(expirySeconds(NaN, 'down')).toBe(1);
    expect(expirySeconds(NaN, 'up')).toBe(NEVER_S);
  });

  it('is told in ms, and Infinity for never', () => {
    expect(expiryMs(7)).toBe(7_000);
    expect(expiryMs(NEVER_S)).toBe(Infinity);
  });

  it('has passed at its instant, and never is never past', () => {
    expect(expiredBy(6_999)).toBe(6);
    expect(expiredBy(7_000)).toBe(7);
    expect(expiredBy(-1)).toBe(0);
    expect(expiredBy(Infinity)).toBe(NEVER_S - 1);
  });
});
