import { describe, expect, test } from 'vitest';
import { UrlKeys } from '../../../src/jwt/url-keys.js';
import type { Keys } from '../../../src/jwt/key-source.js';
import { ProviderError } from '../../../src/core/errors.js';
import { createSimulatedClock } from '../../../src/testing/simulated-clock.js';
import { makeKey } from '../../support/signing-keys.js';

const jwk = makeKey('P-256').publicJwk;
const setOf = (...kids: readonly string[]) => ({ keys: kids.map((kid) => ({ ...jwk, kid })) });

/** A server whose answers are given one by one, and a clock that stands still. */
const setUp = (more: object = {}) => {
  const clock = createSimulatedClock({ wallMs: 1_000_000 });
  const waiting: { resolve: (answer: never) => void; reject: (error: Error) => void; signal: AbortSignal }[] = [];
  const asked: { url: string; atMs: number }[] = [];
  const source = new UrlKeys({
    clock,
    request: (url, _init, signal) =>
      new Promise((resolve, reject) => {
        asked.push({ url: String(url), atMs: clock.monoMs() });
        waiting.push({ resolve, reject, signal: signal! });
        signal!.addEventListener('abort', () => reject(new Error('aborted')));
      }),
    url: 'https://issuer.example/keys',
    init: {},
    cacheMs: 600_000,
    cooldownMs: 30_000,
    staleMs: 3_600_000,
    ...more,
  });
  const answer = (body: unknown, status = 200): void =>
    waiting.shift()!.resolve({ status, headers: {}, body: '', json: () => body } as never);
  const fail = (): void => waiting.shift()!.reject(ProviderError.transient('No connection could be made'));
  const loaded = async (...kids: readonly string[]): Promise<Keys> => {
    const loading = source.load();
    answer(setOf(...kids));
    return loading;
  };
  return { clock, source, asked, waiting, answer, fail, loaded };
};

const kidsOf = (keys: Keys | undefined): unknown => keys?.map(({ kid }) => kid);
const settled = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));
const unavailable = (text: string): unknown =>
  expect.objectContaining({ code: 'KEYS_UNAVAILABLE', message: expect.stringContaining(text) as string });

describe('a set', () => {
  test('is fetched when it is first needed, once for all who ask, and kept', async () => {
    const { clock, source, asked, answer } = setUp();
    expect(source.current()).toBeUndefined();
    const all = [source.load(), source.load(), source.newer('unknown_key')!];
    answer(setOf('a'));
    for (const keys of await Promise.all(all)) expect(kidsOf(keys)).toEqual(['a']);
    clock.advance(599_999);
    expect(kidsOf(source.current())).toEqual(['a']);
    expect(asked).toEqual([{ url: 'https://issuer.example/keys', atMs: 0 }]);
  });

  test('is fetched anew when its time is over: a key that is gone is not accepted', async () => {
    const { clock, source, answer, loaded } = setUp();
    await loaded('a', 'b');
    clock.advance(600_000);
    expect(source.current()).toBeUndefined();
    const loading = source.load();
    answer(setOf('b'));
    expect(kidsOf(await loading)).toEqual(['b']);
    expect(kidsOf(source.current())).toEqual(['b']);
  });

  test('is as old as the request for it', async () => {
    const { clock, source, answer } = setUp();
    const loading = source.load();
    clock.advance(4_000);
    answer(setOf('a'));
    await loading;
    clock.advance(596_000);
    expect(source.current()).toBeUndefined();
  });

  test('is old after a suspend, in which only the wall clock goes on; and not younger when that is set back', async () => {
    const { clock, source, loaded } = setUp();
    await loaded('a');
    clock.stepWall(600_000);
    expect(source.current()).toBeUndefined();
    await loaded('a');
    clock.stepWall(-900_000);
    clock.advance(600_000);
    expect(source.current()).toBeUndefined();
  });

  test('that is empty is one: nothing is accepted any more', async () => {
    const { clock, source, answer, loaded } = setUp();
    await loaded('a');
    clock.advance(30_000);
    const newer = source.newer('unknown_key');
    answer({ keys: [] });
    expect(await newer).toEqual([]);
    expect(source.current()).toEqual([]);
  });
});

describe('a key that is not in the set', () => {
  test('has it fetched, at most once in the cool-down', async () => {
    const { clock, source, asked, answer, loaded } = setUp();
    await loaded('a');
    clock.advance(29_999);
    expect(source.newer('unknown_key')).toBeUndefined();
    clock.advance(1);
    const both = [source.newer('unknown_key'), source.newer('unknown_key')];
    answer(setOf('a', 'b'));
    for (const newer of both) expect(kidsOf(await newer)).toEqual(['a', 'b']);
    for (let at = 0; at < 100; at += 1) expect(source.newer('unknown_key')).toBeUndefined();
    expect(asked.length).toBe(2);
  });

  test('a signature that does not fit asks nobody', async () => {
    const { clock, source, asked, loaded } = setUp();
    await loaded('a');
    clock.advance(500_000);
    expect(source.newer('signature')).toBeUndefined();
    expect(asked.length).toBe(1);
  });

  test('while the server is away it is not known whether it is good, and the keys that are there go on', async () => {
    const { clock, source, fail, loaded } = setUp();
    await loaded('a');
    clock.advance(30_000);
    const newer = source.newer('unknown_key');
    fail();
    await expect(newer).rejects.toEqual(unavailable('No connection'));
    expect(() => source.newer('unknown_key')).toThrow(unavailable('No connection'));
    expect(kidsOf(source.current())).toEqual(['a']);
  });
});

describe('a server that is away', () => {
  test('is asked again after a second', async () => {
    const { clock, source, asked, fail, loaded } = setUp();
    const loading = source.load();
    fail();
    await expect(loading).rejects.toEqual(unavailable('issuer.example'));
    clock.advance(999);
    await expect(source.load()).rejects.toEqual(unavailable('No connection'));
    expect(asked.length).toBe(1);
    clock.advance(1);
    expect(kidsOf(await loaded('a'))).toEqual(['a']);
    expect(asked.length).toBe(2);
  });

  test('keeps one who asks waiting, and no other; its keys are used on, and no longer than the bound', async () => {
    const { clock, source, asked, answer, fail, loaded } = setUp();
    await loaded('a');
    clock.advance(600_000);
    expect(source.current()).toBeUndefined();
    const loading = source.load();
    fail();
    expect(kidsOf(await loading)).toEqual(['a']);
    expect(kidsOf(source.current())).toEqual(['a']);
    expect(asked.length).toBe(2);
    // From now on it is tried beside, once a second at most.
    clock.advance(1_000);
    for (let at = 0; at < 10; at += 1) expect(kidsOf(source.current())).toEqual(['a']);
    expect(asked.length).toBe(3);
    fail();
    await settled();
    clock.advance(3_598_999);
    expect(kidsOf(source.current())).toEqual(['a']);
    fail();
    await settled();
    clock.advance(1);
    expect(source.current()).toBeUndefined();
    await expect(source.load()).rejects.toEqual(unavailable('No connection'));
    clock.advance(1_000);
    const back = source.load();
    answer(setOf('b'));
    expect(kidsOf(await back)).toEqual(['b']);
  });

  test('that is back beside is heard of', async () => {
    const { clock, source, answer, fail, loaded } = setUp();
    await loaded('a');
    clock.advance(600_000);
    const loading = source.load();
    fail();
    await loading;
    clock.advance(1_000);
    expect(kidsOf(source.current())).toEqual(['a']);
    answer(setOf('b'));
    await settled();
    expect(kidsOf(source.current())).toEqual(['b']);
    // And nothing of its failure is left: a key that is not there is not there.
    expect(source.newer('unknown_key')).toBeUndefined();
  });

  test.each<[unknown, number, string]>([
    [setOf('b'), 500, 'status 500'],
    [setOf('b'), 302, 'status 302'],
    [{ error: 'x' }, 200, 'not a JWK set'],
    [[], 200, 'not a JWK set'],
  ])('%# an answer that is none is as good as away', async (body, status, text) => {
    const { source, answer } = setUp();
    const loading = source.load();
    answer(body, status);
    await expect(loading).rejects.toEqual(unavailable(text));
  });

  test('is not asked any more after close()', async () => {
    const { source, waiting } = setUp();
    const loading = source.load();
    source.close();
    expect(waiting[0]?.signal.aborted).toBe(true);
    await expect(loading).rejects.toEqual(unavailable('aborted'));
  });
});
