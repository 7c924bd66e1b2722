import { beforeEach, describe, expect, test } from 'vitest';
import { ExpungeClock } from '../../../../src/kinds/inbound/expunge-clock.js';
import { allocateChildMemory, openWords } from '../../../../src/memory/child-memory.js';
import { actorWords, type ActorWords } from '../../../../src/memory/user-words.js';
import { createSimulatedClock, type SimulatedClock } from '../../../../src/testing/simulated-clock.js';

const START_MS = 1_700_000_000_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const FIRST = 4;

let clock: SimulatedClock;
let words: ActorWords;
let expunges: ExpungeClock;

beforeEach(() => {
  clock = createSimulatedClock({ wallMs: START_MS });
  words = actorWords(openWords(allocateChildMemory().shared));
  expunges = new ExpungeClock(words, FIRST, clock);
});

/** How far it is behind the wall clock, to the second. */
const behindMs = (): number => {
  const ms = clock.wallMs() - expunges.nowMs();
  expect(ms).toBeGreaterThanOrEqual(0);
  return Math.ceil(ms / 1_000) * 1_000;
};

/** Time passes, and somebody looks once an hour. */
const pass = (ms: number): void => {
  for (let passed = 0; passed < ms; passed += HOUR_MS) {
    clock.advance(HOUR_MS);
    expunges.look();
  }
};

test('is the wall clock while that goes on as the monotonic one does', () => {
  for (let day = 0; day < 9; day += 1) {
    expect(expunges.nowMs()).toBe(clock.wallMs());
    pass(DAY_MS);
  }
});

describe('a wall clock that is wrongly ahead', () => {
  test('for hours expunges nothing that it would not have without', () => {
    pass(36 * HOUR_MS);
    clock.stepWall(DAY_MS);
    for (let hour = 0; hour < 24; hour += 1) {
      expect(behindMs()).toBe(DAY_MS);
      pass(HOUR_MS);
    }
    clock.stepWall(-DAY_MS);
    expect(behindMs()).toBe(0);
  });

  test('is believed when it has been so for two days: it was corrected, or the machine suspended', () => {
    clock.stepWall(DAY_MS);
    pass(49 * HOUR_MS);
    expect(behindMs()).toBe(0);
  });

  test('and jumps further after it has been so for long is believed for the part that has lasted', () => {
    clock.stepWall(HOUR_MS);
    pass(49 * HOUR_MS);
    clock.stepWall(DAY_MS);
    expect(behindMs()).toBe(DAY_MS);
    pass(23 * HOUR_MS);
    expect(behindMs()).toBe(DAY_MS);
  });

  test('is not believed by an actor that starts meanwhile, for the first time or again', () => {
    clock.stepWall(DAY_MS);
    for (let incarnation = 0; incarnation < 3; incarnation += 1) {
      expunges = new ExpungeClock(words, FIRST, clock);
      expect(behindMs()).toBe(DAY_MS);
    }
  });

  test('is not believed by who has looked seldom: a day counts from the first look that has seen it', () => {
    clock.advance(9 * DAY_MS);
    clock.stepWall(DAY_MS);
    expect(behindMs()).toBe(DAY_MS);
    clock.advance(23 * HOUR_MS);
    expect(behindMs()).toBe(DAY_MS);
    clock.advance(2 * HOUR_MS);
    expect(behindMs()).toBe(0);
  });

  test('from the very start is believed: that can’t be seen', () => {
    clock = createSimulatedClock({ wallMs: START_MS + DAY_MS });
    words = actorWords(openWords(allocateChildMemory().shared));
    expunges = new ExpungeClock(words, FIRST, clock);
    expect(expunges.nowMs()).toBe(START_MS + DAY_MS);
  });
});

test('a wall clock that is set back is followed at once, and forth again only when that has lasted', () => {
  clock.stepWall(-HOUR_MS);
  expect(behindMs()).toBe(0);
  clock.stepWall(HOUR_MS);
  expect(behindMs()).toBe(HOUR_MS);
});

test.each([0, 1, 2, 3])(
  'an actor that ends after %s of its stores leaves no later instant than there was',
  (stores) => {
    clock.advance(2 * DAY_MS);
    clock.stepWall(DAY_MS);
    let left = stores;
    const mortal: ActorWords = {
      ...words,
      store: (index, value) => {
        if (left === 0) throw new Error('ended');
        left -= 1;
        words.store(index, value);
      },
    };
    const start = (): unknown => new ExpungeClock(mortal, FIRST, clock);
    if (stores < 3) expect(start).toThrow('ended');
    else start();
    expunges = new ExpungeClock(words, FIRST, clock);
    expect(behindMs()).toBe(DAY_MS);
  },
);

test('takes its own three words, and no other', () => {
  expect(Array.from({ length: 16 }, (_, index) => words.load(index) !== 0)).toEqual(
    Array.from({ length: 16 }, (_, index) => index >= FIRST && index < FIRST + 3),
  );
});
