import { describe, expect, test } from 'vitest';
import { ClockSteps } from '../../../src/core/clock.js';
import { createSimulatedClock } from '../../../src/testing/simulated-clock.js';

describe('steps of the wall clock', () => {
  const clock = createSimulatedClock({ wallMs: 1_900_000_000_000, monoMs: 5_000 });
  const stepped = (steps: ClockSteps, ...changesMs: readonly number[]): (number | undefined)[] =>
    changesMs.map((byMs) => {
      clock.advance(1_000);
      clock.stepWall(byMs);
      return steps.byMs();
    });

  test('one of more than two seconds is seen once, whichever way', () => {
    expect(stepped(new ClockSteps(clock), 0, -2_001, 0, 2_001, 0)).toEqual([
      undefined,
      -2_001,
      undefined,
      2_001,
      undefined,
    ]);
  });

  test('small ones in one direction add up', () => {
    expect(stepped(new ClockSteps(clock), -900, -900, -900, -900)).toEqual([undefined, undefined, -2_700, undefined]);
    expect(stepped(new ClockSteps(clock), 900, 900, 900, 900)).toEqual([undefined, undefined, 2_700, undefined]);
  });

  test('regression: a suspend that is no step, and then the clock set back: the step was not seen', () => {
    expect(stepped(new ClockSteps(clock), 280, -2_002, 0)).toEqual([undefined, -2_002, undefined]);
    expect(stepped(new ClockSteps(clock), -280, 2_002, 0)).toEqual([undefined, 2_002, undefined]);
  });

  test('what goes to and fro by less than a step is none', () => {
    expect(stepped(new ClockSteps(clock), 1_000, -2_000, 2_000, -2_000)).toEqual(Array(4).fill(undefined));
  });
});
