/** A test credential that goes by the machine's clock, under the fake timers of test runners. */
import { mock } from 'node:test';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { ProviderError } from '../../../src/core/errors.js';
import { createTestCredential, type TestCredential } from '../../../src/testing/index.js';

const TIMERS = [
  'setTimeout',
  'clearTimeout',
  'setInterval',
  'clearInterval',
  'setImmediate',
  'clearImmediate',
] as const;

let made: TestCredential;

const make = (...[answers, options]: Parameters<typeof createTestCredential>) => {
  made = createTestCredential(answers, options);
  return made.credential;
};

/** What each replaces, of the same library: jest also what microtasks are made with. */
const FAKED = {
  vitest: {},
  jest: { toFake: [...TIMERS, 'Date', 'hrtime', 'performance', 'queueMicrotask'] },
} as const;

describe.each(['vitest', 'jest'] as const)('those of %s', (runner) => {
  beforeEach(() => void vi.useFakeTimers({ now: Date.UTC(2030, 0, 1), ...FAKED[runner] } as never));
  afterEach(async () => {
    await made.close();
    expect(vi.getTimerCount()).toBe(0);
    vi.useRealTimers();
  });

  test('time that passes in them refreshes the token, and ends it', async () => {
    const api = make([{ value: 'one', expiresInS: 60 }, { value: 'two', expiresInS: 60 }, new Error('down')]);
    expect((await api.get()).issuedAtMs).toBe(Date.UTC(2030, 0, 1));
    await vi.advanceTimersByTimeAsync(50_000);
    expect(api.current().value).toBe('two');
    await vi.advanceTimersByTimeAsync(60_000);
    expect(() => api.current()).toThrow(expect.objectContaining({ code: 'TOKEN_EXPIRED' }));
  });

  test('a wait is out of time with them', async () => {
    const waiting = expect(make([ProviderError.transient('down')]).get()).rejects.toMatchObject({ code: 'TIMEOUT' });
    await vi.advanceTimersByTimeAsync(5_000);
    await waiting;
  });

  test('a wait has its token in the turn of the retry', async () => {
    const waiting = make([ProviderError.transient('down'), 'one'], { retryEveryMs: 1_000 }).get();
    await vi.advanceTimersByTimeAsync(1_000);
    expect((await waiting).value).toBe('one');
  });

  test('setSystemTime() is a step of the wall clock', async () => {
    const api = make([{ value: 'one', expiresInS: 600 }]);
    const { expiresAtMs } = await api.get();
    vi.setSystemTime(Date.UTC(2029, 11, 31));
    await vi.advanceTimersByTimeAsync(1_000);
    expect(api.current().expiresAtMs).toBe(expiresAtMs - 86_400_000);
  });
});

describe("those of node:test, whose monotonic clock is the machine's", () => {
  beforeEach(() => mock.timers.enable({ apis: ['Date', 'setTimeout', 'setInterval'], now: Date.UTC(2030, 0, 1) }));
  afterEach(async () => {
    await made.close();
    mock.timers.reset();
  });

  test('a read goes by their Date', async () => {
    const api = make([{ value: 'one', expiresInS: 60 }]);
    await api.get();
    mock.timers.setTime(Date.UTC(2030, 0, 1) + 54_000 - 1);
    expect(api.current().value).toBe('one');
    mock.timers.setTime(Date.UTC(2030, 0, 1) + 54_000);
    expect(() => api.current()).toThrow(expect.objectContaining({ code: 'TOKEN_EXPIRED' }));
  });

  test('a wait is out of time with them', async () => {
    const waiting = expect(make([ProviderError.transient('down')]).get()).rejects.toMatchObject({ code: 'TIMEOUT' });
    mock.timers.tick(5_000);
    await waiting;
  });
});
