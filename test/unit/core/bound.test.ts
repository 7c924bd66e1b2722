import { expect, it } from 'vitest';
import { type BoundClock, setBound } from '../../../src/core/bound.js';

/** A thread that stands still when it is told to: its timers ring when it goes on, overdue ones at once and in order. */
const start = () => {
  let nowMs = 0;
  let stillUntilMs = 0;
  const timers = new Set<{ atMs: number; callback: () => void }>();
  const clock: BoundClock = {
    monoMs: () => nowMs,
    setTimer(delayMs, callback) {
      const timer = { atMs: nowMs + delayMs, callback };
      timers.add(timer);
      return { cancel: () => void timers.delete(timer) };
    },
  };
  const runs = (ms: number): void => {
    for (const endMs = nowMs + ms; ;) {
      const [next] = [...timers].sort((a, b) => a.atMs - b.atMs);
      if (!next || Math.max(next.atMs, stillUntilMs) > endMs) return void (nowMs = endMs);
      timers.delete(next);
      nowMs = Math.max(nowMs, next.atMs, stillUntilMs);
      next.callback();
    }
  };
  const standsStill = (ms: number): void => void (stillUntilMs = nowMs = nowMs + ms);
  const over: number[] = [];
  const bound = (ms: number) => setBound(clock, ms, () => over.push(nowMs));
  return { bound, runs, standsStill, over, timers };
};

it('says what is left of it, in lived time', () => {
  const { bound, runs, standsStill } = start();
  const one = bound(10_000);
  runs(2_500);
  expect(one.leftMs()).toBe(7_500);
  standsStill(60_000);
  expect(one.leftMs()).toBe(7_000);
  runs(7_500);
  expect(one.leftMs()).toBe(0);
});

it('is over when its time is, and not before', () => {
  const { bound, runs, over, timers } = start();
  bound(10_000);
  runs(9_999);
  expect(over).toEqual([]);
  runs(1);
  expect(over).toEqual([10_000]);
  expect(timers.size).toBe(0);
});

it('leaves no timer when it is cancelled, whatever slice it is in', () => {
  const { bound, runs, over, timers } = start();
  const timer = bound(10_000);
  runs(4_500);
  timer.cancel();
  runs(20_000);
  expect([over, timers.size]).toEqual([[], 0]);
});

it('does not count what its thread stood still for, but for one slice', () => {
  const { bound, runs, standsStill, over } = start();
  bound(10_000);
  runs(1_500);
  standsStill(40_000);
  // A slice of a second had begun at 1,000: it counts as one second.
  runs(7_999);
  expect(over).toEqual([]);
  runs(1);
  expect(over).toEqual([49_500]);
});

it.each([
  [10_000, 1_000],
  [200, 20],
])('is not ended by a slice that is late: what has arrived is read first (%i ms)', (boundMs, sliceMs) => {
  const { bound, runs, standsStill, over } = start();
  bound(boundMs);
  runs(boundMs - 1);
  standsStill(40_000);
  runs(0);
  expect(over).toEqual([]);
  runs(sliceMs - 1);
  expect(over).toEqual([]);
  runs(1);
  expect(over).toEqual([boundMs - 1 + 40_000 + sliceMs]);
});

it('comes to its end on a machine where each slice is late', () => {
  const { bound, runs, standsStill, over } = start();
  bound(1_000);
  for (let turns = 0; turns < 16; turns += 1) {
    standsStill(5_000);
    runs(0);
  }
  expect(over).toHaveLength(1);
});
