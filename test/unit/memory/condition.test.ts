import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { ConditionVariable, SLICE_MS, watchWord } from '../../../src/memory/condition.js';
import { notify } from '../../../src/memory/words.js';
import { SimulatedWords } from '../../support/simulated-words.js';

const CHANGE = 0;
const VALUE = 1;
const LONG_MS = 60_000;

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const late = (): Error => new Error('late');

const start = () => {
  const words = new SimulatedWords(2);
  const doorbell = new ConditionVariable(words, CHANGE);
  /** Waits for the value to be at least so much; counts how often it looked. */
  const waitFor = (atLeast: number, options: { timeoutMs?: number; signal?: AbortSignal } = {}) => {
    const check = vi.fn(() => {
      const value = words.load(VALUE);
      return value >= atLeast ? value : undefined;
    });
    const settled = vi.fn();
    const wait = doorbell.wait(check, { timeoutMs: LONG_MS, onTimeout: late, ...options });
    wait.then(settled, settled);
    return { wait, check, settled };
  };
  const publish = (value: number): void => {
    words.store(VALUE, value);
    notify(words, CHANGE);
  };
  return { words, doorbell, waitFor, publish };
};

describe('a wait', () => {
  test('for what is there already is over at once, and leaves no timer and no waiter', async () => {
    const { words, waitFor } = start();
    words.store(VALUE, 3);
    await expect(waitFor(1).wait).resolves.toBe(3);
    expect(vi.getTimerCount()).toBe(0);
    expect(words.waiting(CHANGE)).toBe(0);
  });

  test('is over with the ring that makes it true, not with another', async () => {
    const { waitFor, publish } = start();
    const { wait, check, settled } = waitFor(2);
    publish(1);
    await vi.advanceTimersByTimeAsync(0);
    expect(settled).not.toHaveBeenCalled();
    expect(check).toHaveBeenCalledTimes(2);
    publish(2);
    await expect(wait).resolves.toBe(2);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('rejects with what its check throws', async () => {
    const { doorbell, publish, words } = start();
    const wait = doorbell.wait(
      () => {
        if (words.load(VALUE) > 0) throw new Error('hopeless');
        return undefined;
      },
      { timeoutMs: LONG_MS, onTimeout: late },
    );
    const outcome = expect(wait).rejects.toThrow('hopeless');
    publish(1);
    await outcome;
    expect(vi.getTimerCount()).toBe(0);
  });

  test('looks once more at its bound, and rejects then', async () => {
    const { words, waitFor } = start();
    const unheard = waitFor(1, { timeoutMs: 100 });
    const never = waitFor(2, { timeoutMs: 101 });
    const outcomes = Promise.all([expect(unheard.wait).resolves.toBe(1), expect(never.wait).rejects.toThrow('late')]);
    words.store(VALUE, 1);
    await vi.advanceTimersByTimeAsync(101);
    await outcomes;
    expect(vi.getTimerCount()).toBe(0);
  });

  test('of 0 ms looks, and is over', async () => {
    const { waitFor } = start();
    const outcome = expect(waitFor(1, { timeoutMs: 0 }).wait).rejects.toThrow('late');
    await vi.advanceTimersByTimeAsync(1);
    await outcome;
  });
});

describe('an abort', () => {
  test('before the wait: it does not even look', async () => {
    const { waitFor } = start();
    const { wait, check } = waitFor(1, { signal: AbortSignal.abort('reason') });
    await expect(wait).rejects.toMatchObject({ code: 'ABORTED', cause: 'reason' });
    expect(check).not.toHaveBeenCalled();
    expect(vi.getTimerCount()).toBe(0);
  });

  test('during the wait: it rejects, and the others wait on', async () => {
    const { waitFor, publish } = start();
    const controller = new AbortController();
    const aborted = waitFor(1, { signal: controller.signal });
    const other = waitFor(1);
    const outcome = expect(aborted.wait).rejects.toMatchObject({ code: 'ABORTED', cause: 'enough' });
    controller.abort('enough');
    await outcome;
    publish(1);
    await expect(other.wait).resolves.toBe(1);
  });

  test('after the wait: it changes nothing', async () => {
    const { waitFor, publish } = start();
    const controller = new AbortController();
    const { wait } = waitFor(1, { signal: controller.signal });
    publish(1);
    await wait;
    controller.abort('too late');
    await expect(wait).resolves.toBe(1);
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('many waits', () => {
  test('share one wait on the word, and one ring releases them all', async () => {
    const { words, waitFor, publish } = start();
    const waits = Array.from({ length: 50 }, () => waitFor(1).wait);
    expect(words.waiting(CHANGE)).toBe(1);
    publish(1);
    await expect(Promise.all(waits)).resolves.toEqual(Array.from({ length: 50 }, () => 1));
    expect(vi.getTimerCount()).toBe(0);
  });

  test('rings that come together are one look', async () => {
    const { waitFor, publish } = start();
    const { check } = waitFor(1_000);
    for (let value = 1; value <= 100; value += 1) publish(value);
    await vi.advanceTimersByTimeAsync(0);
    expect(check).toHaveBeenCalledTimes(2);
  });

  test('a wait that begins while another is under way looks at once', async () => {
    const { words, waitFor } = start();
    const first = waitFor(2);
    words.store(VALUE, 1);
    await expect(waitFor(1).wait).resolves.toBe(1);
    expect(first.settled).not.toHaveBeenCalled();
  });

  test('a doorbell that has rested listens again', async () => {
    const { words, waitFor, publish } = start();
    for (let value = 1; value <= 3; value += 1) {
      const { wait } = waitFor(value);
      publish(value);
      await expect(wait).resolves.toBe(value);
      await vi.advanceTimersByTimeAsync(0);
      expect(words.waiting(CHANGE)).toBe(0);
    }
  });
});

describe('no ring is lost', () => {
  test('between the look and the wait', async () => {
    const { words, waitFor, publish } = start();
    words.beforeWait = () => {
      words.beforeWait = undefined;
      publish(1);
    };
    await expect(waitFor(1).wait).resolves.toBe(1);
  });

  test('in the look itself', async () => {
    const { doorbell, publish, words } = start();
    let looks = 0;
    const wait = doorbell.wait(
      () => {
        looks += 1;
        const value = words.load(VALUE) || undefined;
        if (looks === 1) publish(7);
        return value;
      },
      { timeoutMs: LONG_MS, onTimeout: late },
    );
    await expect(wait).resolves.toBe(7);
  });

  test('by a ringer that died between its count and its notify: a slice', async () => {
    const { words, waitFor } = start();
    const { wait, settled } = waitFor(1);
    words.store(VALUE, 1);
    words.add(CHANGE, 1);
    await vi.advanceTimersByTimeAsync(SLICE_MS - 1);
    expect(settled).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1);
    await expect(wait).resolves.toBe(1);
  });
});

describe('a word that is rung without a pause', () => {
  /** It has been rung before each wait for it begins. */
  const restless = () => {
    const started = start();
    const { words } = started;
    let rings = 0;
    words.beforeWait = () => {
      rings += 1;
      if (rings > 1_000) throw new Error('the thread was kept');
      words.add(CHANGE, 1);
    };
    return { ...started, rings: () => rings };
  };

  test('kept the thread of who waits for it: all else has its turn, and the wait goes on', async () => {
    const { words, waitFor, publish, rings } = restless();
    const { wait } = waitFor(1);
    expect(rings()).toBe(100);
    await vi.advanceTimersToNextTimerAsync();
    // A hundred a turn.
    expect([rings() > 100, rings() % 100]).toEqual([true, 0]);
    words.beforeWait = undefined;
    publish(1);
    await vi.advanceTimersToNextTimerAsync();
    await expect(wait).resolves.toBe(1);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('kept the thread of who watches it: all else has its turn', async () => {
    const { words, rings } = restless();
    const onRing = vi.fn();
    const watch = watchWord(words, CHANGE, onRing);
    for (let turn = 0; turn < 2_000; turn += 1) await Promise.resolve();
    expect(rings()).toBe(100);
    await vi.advanceTimersToNextTimerAsync();
    expect(rings()).toBeGreaterThan(100);
    expect(onRing.mock.calls.length).toBeGreaterThan(100);
    watch.stop();
  });
});

describe('a wait that blocks', () => {
  test('is over when it is true, and waits in slices', () => {
    const { words, doorbell } = start();
    const slices: number[] = [];
    words.beforeWait = (timeoutMs) => {
      slices.push(timeoutMs);
      vi.advanceTimersByTime(timeoutMs);
      if (slices.length === 3) words.store(VALUE, 1);
    };
    expect(doorbell.waitSync(() => words.load(VALUE) || undefined, LONG_MS)).toBe(1);
    expect(slices).toEqual([SLICE_MS, SLICE_MS, SLICE_MS]);
  });

  test('is over at its bound, the last slice being what is left', () => {
    const { words, doorbell } = start();
    const slices: number[] = [];
    words.beforeWait = (timeoutMs) => {
      slices.push(Math.round(timeoutMs));
      vi.advanceTimersByTime(timeoutMs);
    };
    expect(doorbell.waitSync(() => undefined, 600)).toBeUndefined();
    expect(slices).toEqual([250, 250, 100]);
  });

  test('of 0 ms looks once', () => {
    const { doorbell } = start();
    const check = vi.fn(() => undefined);
    expect(doorbell.waitSync(check, 0)).toBeUndefined();
    expect(check).toHaveBeenCalledTimes(1);
  });

  test('passes on what its check throws', () => {
    const { doorbell } = start();
    expect(() =>
      doorbell.waitSync(() => {
        throw new Error('hopeless');
      }, LONG_MS),
    ).toThrow('hopeless');
  });
});

describe('a watch', () => {
  test('tells of rings, joined; not of what was there before, nor after its end', async () => {
    const { words } = start();
    notify(words, CHANGE);
    const onRing = vi.fn();
    const watch = watchWord(words, CHANGE, onRing);
    await vi.advanceTimersByTimeAsync(0);
    expect(onRing).not.toHaveBeenCalled();
    notify(words, CHANGE);
    notify(words, CHANGE);
    await vi.advanceTimersByTimeAsync(0);
    expect(onRing).toHaveBeenCalledTimes(1);
    notify(words, CHANGE);
    await vi.advanceTimersByTimeAsync(0);
    expect(onRing).toHaveBeenCalledTimes(2);
    watch.stop();
    notify(words, CHANGE);
    await vi.advanceTimersByTimeAsync(LONG_MS);
    expect(onRing).toHaveBeenCalledTimes(2);
  });

  test('a ring while it tells of one is told too', async () => {
    const { words } = start();
    let told = 0;
    watchWord(words, CHANGE, () => {
      told += 1;
      if (told === 1) notify(words, CHANGE);
    });
    notify(words, CHANGE);
    await vi.advanceTimersByTimeAsync(0);
    expect(told).toBe(2);
  });

  test('a count without a notify is told of when its slice is over', async () => {
    const { words } = start();
    const onRing = vi.fn();
    watchWord(words, CHANGE, onRing);
    words.add(CHANGE, 1);
    words.endSlices();
    await vi.advanceTimersByTimeAsync(0);
    expect(onRing).toHaveBeenCalledTimes(1);
  });
});
