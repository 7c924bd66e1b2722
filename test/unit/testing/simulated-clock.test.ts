import { describe, expect, test } from 'vitest';
import { createSimulatedClock } from '../../../src/testing/index.js';

/** A timer whose work goes on in promises, and then sets the next timer: as a mint and its refresh do. */
const startChain = (clock: ReturnType<typeof createSimulatedClock>) => {
  const seenAtMs: number[] = [];
  const step = async (): Promise<void> => {
    for (let turns = 0; turns < 10; turns += 1) await Promise.resolve();
    seenAtMs.push(clock.monoMs());
    clock.setTimer(100, () => void step());
  };
  clock.setTimer(100, () => void step());
  return seenAtMs;
};

describe('advance()', () => {
  test('fires what falls due in order, each at its instant, and ends at its end', () => {
    const clock = createSimulatedClock({ wallMs: 1_000, monoMs: 50 });
    const fired: unknown[] = [];
    clock.setTimer(20, () => fired.push(['late', clock.now()]));
    clock.setTimer(10, () => {
      fired.push(['early', clock.now()]);
      clock.setTimer(5, () => fired.push(['between', clock.now()]));
    });
    clock.setTimer(31, () => fired.push('never'));
    clock.setTimer(10, () => fired.push('cancelled')).cancel();
    clock.advance(30);
    expect(fired).toEqual([
      ['early', { wallMs: 1_010, monoMs: 60 }],
      ['between', { wallMs: 1_015, monoMs: 65 }],
      ['late', { wallMs: 1_020, monoMs: 70 }],
    ]);
    expect([clock.now(), clock.pending()]).toEqual([{ wallMs: 1_030, monoMs: 80 }, 1]);
  });

  test('does not wait for promises: they see its end', async () => {
    const clock = createSimulatedClock();
    const seenAtMs = startChain(clock);
    clock.advance(1_000);
    await new Promise(setImmediate);
    expect(seenAtMs).toEqual([1_000]);
  });

  test('tells of timers that leave no time to pass, and can be used on', () => {
    const clock = createSimulatedClock();
    const again = (): void => void clock.setTimer(0, again);
    again();
    expect(() => clock.advance(1)).toThrow(/time to pass/);
    expect(() => clock.advance(1)).toThrow('got 10001 timers at one instant');
  });
});

describe('advanceAsync()', () => {
  test('lets what a timer begins end before the next one fires', async () => {
    const clock = createSimulatedClock();
    const seenAtMs = startChain(clock);
    await clock.advanceAsync(350);
    expect(seenAtMs).toEqual([100, 200, 300]);
    expect(clock.monoMs()).toBe(350);
  });

  test('lets what has begun before it end before the first timer fires, also where no time is to pass', async () => {
    const clock = createSimulatedClock();
    const seenAtMs: number[] = [];
    void Promise.resolve().then(() => clock.setTimer(0, () => seenAtMs.push(clock.monoMs())));
    await clock.advanceAsync(0);
    expect(seenAtMs).toEqual([0]);
  });

  test('moves monotonic time past a step of the wall clock', async () => {
    const clock = createSimulatedClock({ wallMs: 10_000 });
    clock.setTimer(50, () => clock.stepWall(-5_000));
    await clock.advanceAsync(100);
    expect(clock.now()).toEqual({ wallMs: 5_100, monoMs: 100 });
  });
});

test.each([NaN, Infinity, undefined as never])('%s ms are no time: they do not let it go on for ever', async (ms) => {
  const clock = createSimulatedClock();
  let fired = 0;
  const again = (): void => {
    fired += 1;
    // A bound: this is a loop that would not end.
    if (fired < 5_000) clock.setTimer(1_000, again);
  };
  clock.setTimer(1_000, again);
  const refused = expect.objectContaining({ code: 'CONFIG_INVALID' }) as unknown;
  expect(() => clock.advance(ms)).toThrow(refused);
  await expect(clock.advanceAsync(ms)).rejects.toEqual(refused);
  expect(() => clock.stepWall(ms)).toThrow(refused);
  expect(fired).toBe(0);
  expect(clock.now()).toEqual({ wallMs: 0, monoMs: 0 });
});
