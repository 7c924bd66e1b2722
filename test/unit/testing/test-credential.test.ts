import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { attach } from '../../../src/attach.js';
import { Credential } from '../../../src/kinds/credential/credential.js';
import { Token } from '../../../src/oauth/token.js';
import { ProviderError } from '../../../src/core/errors.js';
import type { AnyTokenvisorEvent } from '../../../src/supervision/core/event-map.js';
import { clientCredentials } from '../../../src/grants/index.js';
import {
  createSimulatedClock,
  createTestCredential,
  type SimulatedClock,
  type TestAnswer,
  type TestCredential,
  type TestCredentialOptions,
} from '../../../src/testing/index.js';

const DAY_MS = 86_400_000;

let made: TestCredential[] = [];
let clock: SimulatedClock;

const make = (answers: readonly TestAnswer[], options: TestCredentialOptions = {}) => {
  const test = createTestCredential(answers, { name: 'api', clock, ...options });
  made.push(test);
  const events: AnyTokenvisorEvent[] = [];
  test.on('event', (event) => events.push(event));
  return { test, api: test.credential, events };
};

const down = ProviderError.transient('the server is down');
const lasting = (value: string): TestAnswer => ({ value, expiresInS: 3_600 });
const mistake = (value: unknown): TestAnswer => value as TestAnswer;

/** All that promises have to do is done; no time passes, and no turn of the event loop is needed. */
const microtasks = async (): Promise<void> => {
  for (let i = 0; i < 200; i += 1) await Promise.resolve();
};

const codeOf = (run: () => unknown): unknown => {
  try {
    return run();
  } catch (error) {
    return (error as { code?: unknown }).code;
  }
};

beforeEach(() => {
  // No timer of the machine's ever fires here: what passes needs none.
  vi.useFakeTimers({ toFake: ['setTimeout', 'setInterval', 'clearTimeout', 'clearInterval'] });
  clock = createSimulatedClock({ wallMs: Date.UTC(2030, 0, 1), monoMs: 5_000 });
});

afterEach(async () => {
  for (const test of made) await test.close();
  made = [];
  expect(vi.getTimerCount()).toBe(0);
  expect(clock.pending()).toBe(0);
  vi.useRealTimers();
});

describe('what it is', () => {
  test('the handle that a supervisor has, with its tokens', async () => {
    const { api } = make([{ value: 'one', expiresInS: 60, tokenType: 'DPoP', scope: 'a b', fields: { region: 'eu' } }]);
    expect(api).toBeInstanceOf(Credential);
    const token = await api.get();
    expect(token).toBeInstanceOf(Token);
    expect(token).toMatchObject({
      tokenType: 'DPoP',
      scopes: ['a', 'b'],
      issuedAtMs: Date.UTC(2030, 0, 1),
      expiresAtMs: Date.UTC(2030, 0, 1) + 60_000,
      generation: 1,
    });
    expect([token.authorization, token.fields]).toEqual(['DPoP one', { region: 'eu' }]);
  });

  test('has no token until its first mint is done, which takes no time', async () => {
    const { test, api } = make(['one']);
    expect(codeOf(() => api.current())).toBe('TOKEN_NOT_READY');
    expect(api.status()).toMatchObject({ name: 'api', state: 'starting', incarnation: 1, attempts: 0 });
    expect(test.health()).toBe('down');
    await test.ready();
    expect(api.current().value).toBe('one');
    expect(api.status()).toMatchObject({ state: 'fresh', usable: true, attempts: 1, mints: 1 });
    expect(test.health()).toBe('ok');
  });

  test('lazy: it is ready with no token, and mints when it is asked', async () => {
    const { test, api } = make(['one'], { eager: false });
    await test.ready();
    await clock.advanceAsync(DAY_MS / 24);
    expect([test.left, test.health(), api.status().attempts]).toEqual([1, 'ok', 0]);
    expect((await api.get()).value).toBe('one');
  });
});

describe('answers', () => {
  test('are served in order, one a mint; the last one again and again', async () => {
    const { test, api } = make(['one', 'two']);
    const values = [(await api.get()).value];
    for (let i = 0; i < 3; i += 1) {
      const next = api.refresh();
      await clock.advanceAsync(1_000);
      values.push((await next).value);
    }
    expect(values).toEqual(['one', 'two', 'two', 'two']);
    expect(api.status()).toMatchObject({ mints: 4, generation: 4 });
    expect(test.left).toBe(0);
  });

  test('that are pushed come after those that are there, and after the one that is repeated', async () => {
    const { test, api } = make(['one']);
    await test.ready();
    test.push('two', 'three');
    expect(test.left).toBe(2);
    for (const value of ['two', 'three', 'three']) {
      const next = api.refresh();
      clock.advance(1_000);
      expect((await next).value).toBe(value);
    }
  });

  test("atEnd: 'wait' holds a mint until there is one", async () => {
    const { test, api, events } = make(['one'], { atEnd: 'wait' });
    await test.ready();
    const refreshed = api.refresh({ timeoutMs: 20_000 });
    await clock.advanceAsync(10_000);
    expect(api.status()).toMatchObject({ state: 'refreshing', exchanging: true });
    test.push('two');
    expect((await refreshed).value).toBe('two');
    expect(events).toContainEqual(expect.objectContaining({ type: 'mint:succeeded', attempt: 2, tookMs: 9_000 }));
  });

  test('an empty list waits too; a mint that was given up takes none', async () => {
    const { test, api } = make([], { retryEveryMs: 1_000 });
    const waiting = api.get({ timeoutMs: 60_000 });
    await clock.advanceAsync(30_000);
    expect(api.status()).toMatchObject({ attempts: 1, failures: 1, lastFailure: { reason: 'timed_out' } });
    test.push('one', 'two');
    expect(test.left).toBe(2);
    await clock.advanceAsync(1_000);
    expect((await waiting).value).toBe('one');
  });

  test('of functions: they are told the attempt, and may take their time, throw, or return an error', async () => {
    const { api } = make(
      [
        ({ number }) => `token-${number}`,
        async () => Promise.reject(ProviderError.transient('rejected')),
        () => {
          throw ProviderError.transient('thrown');
        },
        () => new Error('returned'),
        async () => Promise.resolve(lasting('late') as string),
      ],
      { retryEveryMs: 1_000 },
    );
    expect((await api.get()).value).toBe('token-1');
    const last = api.refresh({ timeoutMs: 10_000 });
    const failures: (string | undefined)[] = [];
    for (let i = 0; i < 4; i += 1) {
      await clock.advanceAsync(1_000);
      failures.push(api.status().lastFailure?.message);
    }
    expect(failures).toEqual(['rejected', 'thrown', 'The provider threw Error: returned', undefined]);
    expect(await last).toMatchObject({ value: 'late', generation: 2 });
  });

  test('a function sees that its attempt was given up', async () => {
    const signals: AbortSignal[] = [];
    const { test } = make([
      ({ signal }) => {
        signals.push(signal);
        return new Promise(() => undefined);
      },
    ]);
    await microtasks();
    expect(signals.map(({ aborted }) => aborted)).toEqual([false]);
    await test.close();
    expect(signals.map(({ aborted }) => aborted)).toEqual([true]);
  });
});

describe('failures', () => {
  test('a plain error is a provider that threw: transient', async () => {
    const { api } = make([new Error('no such host')]);
    const waiting = api.get();
    await microtasks();
    clock.advance(5_000);
    await expect(waiting).rejects.toMatchObject({
      code: 'TIMEOUT',
      cause: { message: 'The provider threw Error: no such host', class: 'transient', reason: 'provider_threw' },
    });
  });

  test('a wait that ends with its time takes none of it', async () => {
    const { api } = make([down]);
    const [five, ten] = [api.get(), api.get({ timeoutMs: 10_000 })];
    const ends: string[] = [];
    void five.catch(() => ends.push(`five at ${clock.monoMs()}`));
    void ten.catch(() => ends.push(`ten at ${clock.monoMs()}`));
    clock.advance(4_999);
    await microtasks();
    expect(ends).toEqual([]);
    clock.advance(1);
    await expect(five).rejects.toMatchObject({ code: 'TIMEOUT', child: 'api' });
    clock.advance(5_000);
    await expect(ten).rejects.toMatchObject({ code: 'TIMEOUT' });
    expect(ends).toEqual(['five at 10000', 'ten at 15000']);
  });

  test('transient: the credential tries again; whoever waits has the token in the same turn', async () => {
    const { api, events } = make([down, 'one'], { retryEveryMs: 2_000 });
    const settled = vi.fn();
    void api.get().then(({ value }) => void settled(value));
    await microtasks();
    clock.advance(1_999);
    await microtasks();
    expect(settled).not.toHaveBeenCalled();
    clock.advance(1);
    await microtasks();
    expect(settled).toHaveBeenCalledWith('one');
    expect(events.map(({ type }) => type)).toEqual([
      'child:started',
      'mint:started',
      'mint:failed',
      'mint:started',
      'mint:succeeded',
    ]);
  });

  test('fatal: it parks, says why, and mints when it is resumed', async () => {
    const { test, api } = make([ProviderError.fatal('no such client', { oauthError: 'invalid_client' }), 'one']);
    await expect(api.get()).rejects.toMatchObject({ code: 'PARKED', cause: { oauthError: 'invalid_client' } });
    expect(codeOf(() => api.current())).toBe('PARKED');
    await expect(test.ready()).rejects.toMatchObject({ code: 'PARKED' });
    expect(api.status()).toMatchObject({
      state: 'parked',
      parked: { why: 'fatal_answer', probeAtMs: clock.wallMs() + 300_000 },
    });
    const resumed = api.resume();
    await clock.advanceAsync(1_000);
    await resumed;
    expect((await api.get()).value).toBe('one');
  });

  test('fatal: a probe finds that it is mended', async () => {
    const { api, events } = make([ProviderError.fatal('no such client'), 'one'], { probeEveryMs: 60_000 });
    await clock.advanceAsync(59_999);
    expect(api.status().state).toBe('parked');
    await clock.advanceAsync(1);
    expect(api.current().value).toBe('one');
    expect(events).toContainEqual(expect.objectContaining({ type: 'child:resumed', by: 'probe' }));
  });

  test('a token that ends while mints fail: TOKEN_EXPIRED, with the reason', async () => {
    const { test, api } = make([{ value: 'one', expiresInS: 600 }, down]);
    await test.ready();
    await clock.advanceAsync(589_999);
    expect(api.current().value).toBe('one');
    expect(api.status().state).toBe('degraded');
    await clock.advanceAsync(1);
    expect(codeOf(() => api.current())).toBe('TOKEN_EXPIRED');
    expect(() => api.current()).toThrow(
      expect.objectContaining({ cause: expect.objectContaining({ message: 'the server is down' }) as unknown }),
    );
    expect(api.status()).toMatchObject({ state: 'expired', usable: false });
    expect(api.last()?.value).toBe('one');
    expect(test.health()).toBe('down');
  });

  test('an answer that is no token is a failure, as from any provider', async () => {
    const { api } = make(['bad\nvalue']);
    await microtasks();
    expect(api.status().lastFailure).toMatchObject({ reason: 'malformed_answer' });
  });
});

describe('what its handle can do', () => {
  test('refresh ahead of the end, by the lead', async () => {
    const { api } = make([lasting('one'), lasting('two')], { leadMs: 600_000, marginMs: 0 });
    await clock.advanceAsync(3_000_000 - 180_001);
    expect(api.current().value).toBe('one');
    await clock.advanceAsync(180_001);
    expect(api.current().value).toBe('two');
  });

  test('refreshEveryMs, to the millisecond', async () => {
    const { api } = make(['one', 'two'], { refreshEveryMs: 10_000, assumeLifetimeMs: 'never' });
    await clock.advanceAsync(9_999);
    expect(api.current()).toMatchObject({ value: 'one', expiresAtMs: Infinity });
    await clock.advanceAsync(1);
    expect(api.current().value).toBe('two');
  });

  test('invalidate: the token is gone at once, and ten callers cost one mint', async () => {
    const { api } = make([lasting('one'), lasting('two')]);
    const refused = await api.get();
    const next = Promise.all(Array.from({ length: 10 }, () => api.invalidate(refused, { timeoutMs: 20_000 })));
    expect(codeOf(() => api.current())).toBe('TOKEN_NOT_READY');
    await clock.advanceAsync(10_000);
    expect(new Set((await next).map(({ value }) => value))).toEqual(new Set(['two']));
    expect(api.status().mints).toBe(2);
  });

  test('get with minTtlMs asks for a token that lasts', async () => {
    const { api } = make([lasting('one'), lasting('two')]);
    await clock.advanceAsync(1_800_000);
    const next = api.get({ minTtlMs: 3_000_000 });
    await expect(next).resolves.toMatchObject({ value: 'two' });
    const hopeless = api.get({ minTtlMs: 4_000_000 });
    clock.advance(1_000);
    await expect(hopeless).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });

  test('an abort ends a wait', async () => {
    const { api } = make([]);
    const controller = new AbortController();
    const waiting = api.get({ signal: controller.signal });
    controller.abort('enough');
    await expect(waiting).rejects.toMatchObject({ code: 'ABORTED', cause: 'enough' });
  });

  test('waitSync: the token that is there; else its time passes, and the mint has no turn', async () => {
    const { api } = make([() => Promise.resolve('one')]);
    expect(codeOf(() => api.waitSync({ timeoutMs: 700 }))).toBe('TIMEOUT');
    expect(clock.monoMs()).toBe(5_700);
    await microtasks();
    expect(api.waitSync({ timeoutMs: 700 }).value).toBe('one');
    expect(clock.monoMs()).toBe(5_700);
  });

  test('rotate takes what update() takes, and goes on with the list', async () => {
    const { test, api } = make(['one', 'two']);
    await test.ready();
    const provider = clientCredentials({
      tokenEndpoint: 'https://login.example/token',
      clientId: 'me',
      clientSecret: 'new secret',
    });
    const change = { provider, refreshEveryMs: 5_000, assumeLifetimeMs: 'never' } as const;
    const rotated = api.update(change, { overlapMs: 60_000 });
    await clock.advanceAsync(1_000);
    await rotated;
    expect(api.current()).toMatchObject({ value: 'two', expiresAtMs: Infinity });
    await api.update({ leadMs: 10 });
    await clock.advanceAsync(6_000);
    // What was changed before stays changed.
    expect(api.status().mints).toBeGreaterThan(3);
    expect(api.current().expiresAtMs).toBe(Infinity);
    for (const wrong of [
      api.update(mistake({ leadMs: '5m' }) as object),
      api.update({ provider }, { overlapMs: -1 }),
    ]) {
      await expect(wrong).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    }
  });

  test('attach() in this thread reads the same token by the same clock', async () => {
    const { test, api } = make([{ value: 'one', expiresInS: 100 }, down]);
    const reader = attach(api.handle());
    await test.ready();
    expect(reader.current().value).toBe('one');
    const next = reader.get({ minTtlMs: 95_000 });
    clock.advance(5_000);
    await expect(next).rejects.toMatchObject({ code: 'TIMEOUT' });
    await clock.advanceAsync(85_000);
    expect(codeOf(() => reader.current())).toBe('TOKEN_EXPIRED');
  });

  test('follows the wall clock where it is set back', async () => {
    const { test, api, events } = make([lasting('one')]);
    await test.ready();
    const { expiresAtMs } = api.current();
    clock.stepWall(-60_000);
    await clock.advanceAsync(1_000);
    expect(api.current().expiresAtMs).toBe(expiresAtMs - 60_000);
    expect(events).toContainEqual(expect.objectContaining({ type: 'clock:stepped', byMs: -60_000 }));
  });
});

describe('events', () => {
  test('are those of a supervisor: names, times and members', async () => {
    const { test, events } = make(['one']);
    await test.ready();
    const atMs = clock.wallMs();
    expect(events).toEqual([
      { type: 'child:started', name: 'api', incarnation: 1, atMs },
      { type: 'mint:started', name: 'api', attempt: 1, atMs },
      {
        type: 'mint:succeeded',
        name: 'api',
        atMs,
        attempt: 1,
        generation: 1,
        expiresAtMs: atMs + 300_000,
        refreshAtMs: expect.any(Number) as number,
        tookMs: 0,
      },
    ]);
  });

  test('on, once and off; a listener that throws harms nobody', async () => {
    const { test, events } = make(['one']);
    const [always, once, never] = [vi.fn(), vi.fn(), vi.fn()];
    const thrown = new Error('of the listener');
    test.on('mint:succeeded', always).once('mint:succeeded', once).on('mint:succeeded', never);
    test.off('mint:succeeded', never).once('mint:started', () => {
      throw thrown;
    });
    await test.ready();
    const next = test.credential.refresh();
    clock.advance(1_000);
    await next;
    expect([always, once, never].map(({ mock }) => mock.calls.length)).toEqual([2, 1, 0]);
    expect(events).toContainEqual(expect.objectContaining({ type: 'error', error: thrown }));
  });

  test('failures that nobody listens to are no warning: the test has asked for them', async () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    const test = createTestCredential([down], { clock });
    made.push(test);
    await microtasks();
    expect(test.credential.status().failures).toBe(1);
    expect(warn).not.toHaveBeenCalled();
    warn.mockRestore();
  });
});

describe('its end', () => {
  test('reads and waits throw STOPPED, those that are under way too; no timer is left', async () => {
    const { test, api, events } = make([]);
    const waiting = api.get();
    const outcome = expect(waiting).rejects.toMatchObject({ code: 'STOPPED' });
    const ends = [test.close(), test.close()];
    await outcome;
    await Promise.all(ends);
    expect(clock.pending()).toBe(0);
    expect(codeOf(() => api.current())).toBe('STOPPED');
    expect(codeOf(() => api.waitSync({ timeoutMs: 0 }))).toBe('STOPPED');
    for (const call of [api.get(), api.refresh(), api.update({}), api.resume(), test.ready()]) {
      await expect(call).rejects.toMatchObject({ code: 'STOPPED' });
    }
    expect(api.status()).toMatchObject({ state: 'stopped', usable: false });
    expect(events.slice(-3).map(({ type }) => type)).toEqual(['child:exited', 'child:stopped', 'supervisor:ended']);
  });

  test('takes the token back, and is what `await using` calls', async () => {
    const { test, api } = make(['one']);
    await test.ready();
    await test[Symbol.asyncDispose]();
    expect(api.last()).toBeUndefined();
  });
});

describe('two at a time', () => {
  test('of one name have nothing in common', async () => {
    const [first, second] = [make(['one']), make(['two'])];
    expect((await first.api.get()).value).toBe('one');
    expect((await second.api.get()).value).toBe('two');
    await first.test.close();
    expect(second.api.current().value).toBe('two');
  });
});

describe('options are checked', () => {
  test.each([
    ['an unknown one', ['one'], { leadMS: 5 }, /`leadMS` to be a known option \(did you mean `leadMs`\?\)/],
    ['those of credential(), by its checks', ['one'], { leadMs: '5m' }, /`api.leadMs` to be a number .* got '5m'/],
    ['the provider is the list', ['one'], { provider: 'file:///x.js' }, /`provider` to be a known option/],
    ['a clock', ['one'], { clock: Date }, /`clock` to be a clock from createSimulatedClock\(\)/],
    ['the end', ['one'], { atEnd: 'fail' }, /`atEnd` to be 'repeat' or 'wait'/],
    ['a name', ['one'], { name: '/' }, /to be a name of 1 to 100/],
    ['an answer', ['one', undefined], {}, /answer 2 to be a token's text, a MintedToken, an Error or a function/],
    ['an object that is no token', [{ token: 'one' }], {}, /answer 1 to be/],
    ['the list', 'one', {}, /the answers in a list/],
  ])('%s', (_what, answers, options, message) => {
    const create = () => make(mistake(answers) as unknown as TestAnswer[], mistake(options) as object);
    expect(create).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
    expect(create).toThrow(message);
  });
});

test('a clock with a part of its methods is a problem at once, and no crash later', () => {
  const clock = { advance: () => undefined } as never;
  expect(() => createTestCredential(['one'], { clock })).toThrow(
    'Expected `clock` to be a clock from createSimulatedClock()',
  );
});

test('regression: in a thread that had been busy for 10 ms an answer was taken in after the next timer, too late', async () => {
  // As in a long advanceAsync(): little passes between two messages, and much since the first.
  let machineMs = 0;
  const now = vi.spyOn(performance, 'now').mockImplementation(() => (machineMs += 6));
  const { api, events } = make([async () => Promise.resolve({ value: 'one', expiresInS: 60 })]);
  await clock.advanceAsync(600_000);
  now.mockRestore();
  const began = events.filter(({ type }) => type === 'mint:started').map(({ atMs }) => atMs);
  const ended = events.filter(({ type }) => type === 'mint:succeeded').map(({ atMs }) => atMs);
  expect(began.length).toBeGreaterThan(10);
  expect(ended).toEqual(began);
  expect(api.current().value).toBe('one');
});
