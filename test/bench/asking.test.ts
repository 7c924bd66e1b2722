import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { recoveredAfterMs } from './suites/outage.mjs';
import { askOnce, noneAsked } from './support/asking.mjs';
import { issueValue } from './support/token-values.mjs';

const peer = (get: () => string | Promise<string>) => ({ get, close: () => undefined });

describe('users who ask', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
  afterEach(() => void vi.useRealTimers());

  it('are counted by what they got', async () => {
    const asked = noneAsked();
    const given = [
      () => issueValue(1, 60),
      () => Promise.resolve(issueValue(2, -1)),
      () => Promise.reject(new Error()),
    ];
    const running = new AbortController();
    await askOnce(
      peer(() => given.shift()!()),
      asked,
      3,
      running.signal,
    );
    expect([asked.waits.length, asked.expired, asked.failed]).toEqual([2, 1, 1]);
    expect([asked.goodAt.length, asked.badAt.length]).toEqual([1, 2]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it.each(['before', 'while'])(
    'have asked in vain if they have no answer long after the stop %s they ask',
    async (when) => {
      const asked = noneAsked();
      const running = new AbortController();
      if (when === 'before') running.abort();
      const answers = [issueValue(1, 60), new Promise<string>(() => undefined), new Promise<string>(() => undefined)];
      const ended = askOnce(
        peer(() => answers.shift()!),
        asked,
        3,
        running.signal,
      );
      await vi.advanceTimersByTimeAsync(100_000);
      expect(asked.failed).toBe(when === 'before' ? 2 : 0);
      running.abort();
      await vi.advanceTimersByTimeAsync(5_000);
      await ended;
      expect([asked.waits.length, asked.failed, asked.badAt.length]).toEqual([1, 2, 2]);
    },
  );
});

describe('the time to recover', () => {
  const asked = (goodAt: number[], badAt: number[]) => ({ ...noneAsked(), goodAt, badAt });

  it('ends with the first good token after the last that was none', () => {
    expect(recoveredAfterMs(asked([900, 1_050, 1_300, 1_400], [950, 1_200]), 1_000)).toBe(300);
    expect(recoveredAfterMs(asked([900, 4_000], [950]), 1_000)).toBe(3_000);
  });

  it('is all that was waited where there is none', () => {
    expect(recoveredAfterMs(asked([900], []), 1_000)).toBe(35_000);
  });
});
