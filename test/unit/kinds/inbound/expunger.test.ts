import { describe, expect, it } from 'vitest';
import { expungeInMs, expungeTable } from '../../../../src/kinds/inbound/expunger.js';

describe('the time between two', () => {
  it('is the interval, give or take a tenth', () => {
    expect(expungeInMs(10_000, () => 0)).toBe(9_000);
    expect(expungeInMs(10_000, () => 0.5)).toBe(10_000);
    expect(expungeInMs(10_000, () => 1)).toBe(11_000);
    const drawn = Array.from({ length: 100 }, () => expungeInMs(1_000));
    expect(Math.min(...drawn)).toBeGreaterThanOrEqual(900);
    expect(Math.max(...drawn)).toBeLessThanOrEqual(1_100);
    expect(new Set(drawn).size).toBeGreaterThan(50);
  });
});

describe('one', () => {
  const table = {
    *expunge() {
      yield 1;
      yield 20;
      yield 300;
      return 321;
    },
  };

  it('takes a segment a turn', async () => {
    let segments = 0;
    const stepping = {
      *expunge() {
        for (const removed of [1, 20, 300]) {
          segments += 1;
          yield removed;
        }
        return 321;
      },
    };
    const done = expungeTable(stepping, 0, new AbortController().signal);
    const seen = [segments];
    for (let turn = 0; turn < 2; turn += 1) {
      await new Promise(setImmediate);
      seen.push(segments);
    }
    expect(seen).toEqual([1, 2, 3]);
    expect(await done).toBe(321);
  });

  it('ends with its signal, and says how far it came', async () => {
    const controller = new AbortController();
    const done = expungeTable(table, 0, controller.signal);
    controller.abort();
    expect(await done).toBe(1);
  });
});
