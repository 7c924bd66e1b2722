import { describe, expect, it, test } from 'vitest';
import { slope } from '../support/slope.mjs';
import { createHarness } from './harness.mjs';
import { quantile, summarize } from './statistics.mjs';

/** A harness on a clock that only the cases move. */
const simulated = () => {
  let nowMs = 0;
  const harness = createHarness({ now: () => nowMs });
  return { harness, take: (ms: number) => (nowMs += ms) };
};

describe('statistics', () => {
  it('interpolate between values, in any order', () => {
    expect(quantile([4, 1, 3, 2], 0.5)).toBe(2.5);
    expect(summarize([...Array(101).keys()].reverse())).toEqual({ median: 50, p5: 5, p95: 95 });
    expect(() => quantile([], 0.5)).toThrow('Expected at least one value');
  });

  it('have a slope that a point off the line does not move, at whatever distances', () => {
    const line = [0, 1, 2, 5, 6, 10, 20].map((x) => [x, 3 * x + 7] as const);
    expect(slope(line)).toBe(3);
    expect(slope([...line.slice(0, 3), [4, -1_000], ...line.slice(3)])).toBe(3);
    expect(slope(Array.from({ length: 2_000 }, (_, x) => [x, x / 2]))).toBe(0.5);
  });
});

describe('throughput', () => {
  it('tells the time per operation, whatever the size of the batch', async () => {
    const { harness, take } = simulated();
    const series = await harness.throughput(
      { slow: (count) => take(count * 0.002), fast: (count) => take(count * 0.001) },
      { unit: 'us', rounds: 7 },
    );
    expect(series['slow']).toHaveLength(7);
    const { rows } = harness.results();
    expect(rows.map((row) => row.name)).toEqual(['slow', 'fast']);
    expect(rows[0]?.median).toBeCloseTo(2);
    expect(rows[1]?.p95).toBeCloseTo(1);
  });

  it('refuses a case that takes no time', async () => {
    const { harness } = simulated();
    const nothing = { nothing: (count: number) => count };
    await expect(harness.throughput(nothing)).rejects.toThrow(/Expected 'nothing' to take time, got 0 ms for \d+/);
  });

  it('interleaves the cases, and lets each be the first in turn', async () => {
    const { harness, take } = simulated();
    const order: string[] = [];
    const batch = (name: string) => (count: number) => {
      order.push(name);
      return take(count);
    };
    await harness.throughput({ a: batch('a'), b: batch('b') }, { rounds: 7, warmUps: 1, batchMs: 1 });
    expect(order.slice(-16).join('')).toBe('abbaabbaabbaabba');
  });

  it('takes the time of a batch that was timed elsewhere', async () => {
    const { harness } = simulated();
    const { there = [] } = await harness.throughput(
      { there: (count) => Promise.resolve({ elapsedMs: count * 3, sink: count }) },
      { unit: 'ms', rounds: 7 },
    );
    expect(there).toEqual(Array(7).fill(3));
  });

  it('refuses a case that returns nothing', async () => {
    const { harness } = simulated();
    await expect(harness.throughput({ idle: () => undefined })).rejects.toThrow("Expected 'idle' to return a value");
  });

  it('refuses too few rounds, and an unknown unit', async () => {
    const { harness, take } = simulated();
    const cases = { a: () => take(1_000) };
    await expect(harness.throughput(cases, { rounds: 6 })).rejects.toThrow('Expected at least 7 rounds, got 6');
    await expect(harness.throughput(cases, { unit: 'min' })).rejects.toThrow("got 'min'");
  });
});

describe('latency', () => {
  it('has a row over all operations, and a median per round without the warm-up', async () => {
    const { harness, take } = simulated();
    let calls = 0;
    const { op = [] } = await harness.latency(
      { op: () => Promise.resolve(take((calls += 1) <= 20 ? 1_000 : calls % 2 === 0 ? 1 : 3)) },
      { unit: 'ms', count: 10, rounds: 7, warmUps: 2 },
    );
    expect(op).toEqual(Array(7).fill(2));
    expect(harness.results().rows).toEqual([{ name: 'op', median: 2, p5: 1, p95: 3, unit: 'ms' }]);
  });
});

describe('figures', () => {
  it('are the median of the ratios of each round, not the ratio of the medians', () => {
    const { harness } = simulated();
    expect(harness.ratio('r', [10, 2, 3], [10, 1, 1], { atMost: 1.25 })).toBe(2);
    expect(() => harness.ratio('r', [1, 2], [1])).toThrow('got 2 and 1 values');
  });

  it('meet a bar from either side, or have none', () => {
    const { harness } = simulated();
    harness.figure('low', 1.25, { atMost: 1.25 });
    harness.figure('high', 9, { atLeast: 10 });
    harness.figure('told', 5);
    expect(harness.results().figures).toEqual([
      { name: 'low', value: 1.25, bar: 1.25, met: true },
      { name: 'high', value: 9, bar: 10, met: false },
      { name: 'told', value: 5, bar: null, met: null },
    ]);
  });
});

test('what was measured once is a cell', () => {
  const { harness } = simulated();
  harness.cell({ peer: 'ours', expired: 0 });
  expect(harness.results().cells).toEqual([{ peer: 'ours', expired: 0 }]);
});

test('what could not be measured is noted', () => {
  const { harness } = simulated();
  harness.note('skipped: no server');
  expect(harness.results()).toEqual({
    rows: [],
    figures: [],
    cells: [],
    notes: ['skipped: no server'],
  });
});
