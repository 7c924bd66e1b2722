import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { TokenvisorError } from '../../../../src/core/errors.js';
import type { JwtVerifier } from '../../../../src/jwt/jwt-verifier.js';
import type { VerifyResult } from '../../../../src/jwt/verify-result.js';
import { BatchVerifier } from '../../../../src/kinds/ledger/batch-verifier.js';

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
afterEach(() => void vi.useRealTimers());

type Batches = AsyncIterable<readonly string[]>;
type Run = (batches: AsyncIterator<readonly string[]>) => AsyncGenerator<readonly VerifyResult[], void, undefined>;

/** One that has its next run given: what it does with what it is given. */
const verifierOf = (...runs: Run[]): BatchVerifier => {
  const verifyMany = (batches: Batches): ReturnType<Run> => runs.shift()!(batches[Symbol.asyncIterator]());
  return new BatchVerifier({ verifyMany } as unknown as JwtVerifier);
};

const batchOf = (name: string): readonly string[] => Array.from({ length: 40 }, (_, at) => `${name}-${at}`);
const verified = (tokens: readonly string[]): readonly VerifyResult[] =>
  tokens.map((jti) => ({ ok: true, claims: { jti } }));
const jtisOf = (results: readonly VerifyResult[]): readonly unknown[] =>
  results.map((result) => result.ok && result.claims.jti);

const isNext = <T>(result: IteratorResult<T, unknown>): result is IteratorYieldResult<T> => result.done !== true;

/** As the real one: it takes the next while it works on the last, and one that is silent is not waited for. */
const fails: Run = async function* (batches) {
  await batches.next();
  batches.next().catch(() => undefined);
  await new Promise(setImmediate);
  void batches.return?.();
  yield* [];
  throw new TokenvisorError('INTERNAL', 'a thread has died');
};

const works: Run = async function* (batches) {
  for (let next = await batches.next(); isNext(next);) {
    // Slower than a silent source is given up.
    await vi.advanceTimersByTimeAsync(15);
    yield verified(next.value);
    next = await batches.next();
  }
};

test('after a run that failed, the next answers each batch with its own results, and all of them', async () => {
  const verifier = verifierOf(fails, works);
  await expect(verifier.verifyBatch(batchOf('first'))).rejects.toMatchObject({ code: 'INTERNAL' });
  const names = ['a', 'b', 'c', 'd'];
  const answers = await Promise.all(names.map((name) => verifier.verifyBatch(batchOf(name))));
  expect(answers.map(jtisOf)).toEqual(names.map(batchOf));
});

test('what waits when it is closed is refused, and its thread does not go round for ever', async () => {
  const closed = new TokenvisorError('STOPPED', 'it has been closed');
  // eslint-disable-next-line require-yield -- It is closed.
  const refuses: Run = async function* () {
    await Promise.resolve();
    throw closed;
  };
  let isClosed = (): void => undefined;
  const takesOne: Run = async function* (batches) {
    await batches.next();
    await new Promise<void>((resolve) => (isClosed = resolve));
    yield* [];
    throw closed;
  };
  const verifier = verifierOf(takesOne, refuses);
  const answers = Promise.allSettled(['a', 'b', 'c'].map((name) => verifier.verifyBatch(batchOf(name))));
  await new Promise(setImmediate);
  isClosed();
  expect((await answers).map((answer) => answer.status === 'rejected' && (answer.reason as unknown))).toEqual(
    Array(3).fill(closed),
  );
});
