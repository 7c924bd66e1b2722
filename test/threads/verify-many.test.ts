/** Many tokens, verified in threads. */
import { readdirSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { afterEach, describe, expect, test } from 'vitest';
import { JwtVerifier } from '../../dist/jwt/jwt-verifier.js';
import { fillPool } from '../support/full-pool.js';
import { serve } from '../support/http-server.js';
import { checkedVerification, sign } from '../support/signed-tokens.js';
import { makeKey } from '../support/signing-keys.js';
import { afterTest, cleanUp, eventually } from '../support/supervised.js';

afterEach(cleanUp);

/** The same, as the build says it. */
type BuiltOptions = ConstructorParameters<typeof JwtVerifier>[0];

const first = makeKey('P-256');
const second = makeKey('P-256');
const jwksOf = (...kids: readonly ('one' | 'two')[]) => ({
  keys: kids.map((kid) => ({ ...(kid === 'one' ? first : second).publicJwk, kid })),
});
const tokenOf = (jti: string, kid: 'one' | 'two' = 'one'): Promise<string> =>
  sign(kid === 'one' ? first : second, 'ES256', { jti }, { kid });

const optionsOf = (more: object = { jwks: jwksOf('one') }) =>
  checkedVerification({ algorithms: ['ES256'], ...more }) as BuiltOptions;

const verifierOf = (more?: object): JwtVerifier => {
  const verifier = new JwtVerifier(optionsOf(more));
  afterTest(() => verifier.close());
  return verifier;
};

const batchOf = (count: number, name: string): Promise<string[]> =>
  Promise.all(Array.from({ length: count }, (_, at) => tokenOf(`${name}-${at}`)));

/** What is told of each result, in one word. */
const told = (results: readonly Awaited<ReturnType<JwtVerifier['verify']>>[]): string[] =>
  results.map((result) => (result.ok ? result.claims.jti : result.error.code));

const threads = (): number => readdirSync('/proc/self/task').length;

test('a list of results for each batch, in order, with what has been done so far', async () => {
  const batches = [
    await batchOf(40, 'a'),
    [await tokenOf('b'), 'no token', await tokenOf('c', 'two')],
    [],
    await batchOf(3, 'd'),
  ];
  const progress: unknown[] = [];
  const results: string[][] = [];
  const options = { threads: 2, onProgress: (now: unknown) => void progress.push(now) };
  for await (const batch of verifierOf().verifyMany(batches, options)) results.push(told(batch));
  expect(results).toEqual([
    Array.from({ length: 40 }, (_, at) => `a-${at}`),
    ['b', 'TOKEN_REFUSED', 'TOKEN_REFUSED'],
    [],
    ['d-0', 'd-1', 'd-2'],
  ]);
  expect(progress).toEqual([
    { batches: 1, verified: 40, refused: 0 },
    { batches: 2, verified: 41, refused: 2 },
    { batches: 3, verified: 41, refused: 2 },
    { batches: 4, verified: 44, refused: 2 },
  ]);
});

test('a key that is new is asked for once; the server’s set is fetched, not copied by each thread', async () => {
  const site = { body: jwksOf('one') };
  const server = await serve(() => site);
  afterTest(() => server.close());
  const verifier = verifierOf({ jwksUrl: server.origin, jwksCooldownMs: 0 });
  expect(await verifier.verify(await tokenOf('before'))).toMatchObject({ ok: true });
  site.body = jwksOf('one', 'two');
  const batch = [await tokenOf('a', 'two'), await tokenOf('b'), await tokenOf('c', 'two')];
  for await (const results of verifier.verifyMany([batch])) expect(told(results)).toEqual(['a', 'b', 'c']);
  expect(server.seen.length).toBe(2);
});

test('keys that can’t be had are told at once, before a thread is started', async () => {
  const server = await serve({ status: 500 });
  afterTest(() => server.close());
  const before = threads();
  const run = verifierOf({ jwksUrl: server.origin }).verifyMany([['a']]);
  await expect(run.next()).rejects.toMatchObject({ code: 'KEYS_UNAVAILABLE' });
  expect(threads()).toBeLessThanOrEqual(before);
});

test('while libuv’s pool is full', async () => {
  const batch = await batchOf(10, 'a');
  const verifier = verifierOf();
  const { canaryWaits } = fillPool();
  for await (const results of verifier.verifyMany([batch])) expect(results.every(({ ok }) => ok)).toBe(true);
  expect(canaryWaits()).toBe(true);
});

describe('the threads end', () => {
  /** One more batch than anybody waits for, and then silence. */
  async function* endless(batch: readonly string[], ended: () => void) {
    try {
      for (let at = 0; at < 3; at += 1) yield batch;
      await new Promise<never>(() => {});
    } finally {
      ended();
    }
  }

  test('with the signal, also while the source is silent, and its reason is the cause', async () => {
    const before = threads();
    const control = new AbortController();
    const results: number[] = [];
    const run = async (): Promise<void> => {
      for await (const batch of verifierOf().verifyMany(
        endless(await batchOf(5, 'a'), () => {}),
        {
          signal: control.signal,
          threads: 2,
        },
      )) {
        results.push(batch.length);
        // When all that came is answered, and the source says no more.
        if (results.length === 3) setImmediate(() => control.abort(new Error('enough')));
      }
    };
    await expect(run()).rejects.toMatchObject({ code: 'ABORTED', cause: new Error('enough') });
    expect(results).toEqual([5, 5, 5]);
    await eventually('the threads', () => threads() <= before);
  });

  test('at once, if the signal was aborted before', async () => {
    const before = threads();
    const run = verifierOf().verifyMany([['a']], { signal: AbortSignal.abort() });
    await expect(run.next()).rejects.toMatchObject({ code: 'ABORTED' });
    expect(threads()).toBeLessThanOrEqual(before);
  });

  test('with the verifier', async () => {
    const before = threads();
    const verifier = verifierOf();
    const run = verifier.verifyMany(
      endless(await batchOf(5, 'a'), () => {}),
      { threads: 1 },
    );
    await run.next();
    verifier.close();
    await expect(run.next()).rejects.toMatchObject({ code: 'STOPPED' });
    await eventually('the threads', () => threads() <= before);
  });

  test('when nobody wants more, and the source is told', async () => {
    const before = threads();
    const batch = await batchOf(5, 'a');
    const source = { ended: false };
    function* batches() {
      try {
        for (;;) yield batch;
      } finally {
        source.ended = true;
      }
    }
    for await (const results of verifierOf().verifyMany(batches(), { threads: 2 })) {
      expect(results.length).toBe(5);
      break;
    }
    expect(source.ended).toBe(true);
    await eventually('the threads', () => threads() <= before);
  });

  test('with the thread that has started them', async () => {
    const before = threads();
    const token = await tokenOf('a');
    const worker = new Worker(new URL('./fixtures/verifies-for-ever.mjs', import.meta.url), {
      workerData: { options: optionsOf(), token },
      execArgv: [],
    });
    afterTest(() => worker.terminate());
    const [verified] = await new Promise<readonly number[]>((resolve, reject) => {
      worker.once('message', (count: number) => resolve([count]));
      worker.once('error', reject);
    });
    expect(verified).toBe(50);
    expect(threads()).toBeGreaterThan(before + 1);
    await worker.terminate();
    await eventually('the threads', () => threads() <= before);
  });
});

test('a source that fails is told, and its threads end', async () => {
  const before = threads();
  const batch = await batchOf(1, 'a');
  async function* failing() {
    yield await Promise.resolve(batch);
    throw new Error('the file ends here');
  }
  const run = async (): Promise<void> => {
    for await (const results of verifierOf().verifyMany(failing())) expect(results.length).toBe(1);
  };
  await expect(run()).rejects.toThrow('the file ends here');
  await eventually('the threads', () => threads() <= before);
});
