import { expect, test } from 'vitest';
import { TokenvisorError } from '../../../src/core/errors.js';
import { verifyMany, type ManyVerifier } from '../../../src/jwt/verify-many.js';

/** Its keys never come, so no thread is started. */
const waitingForKeys = () => {
  const closing = new AbortController();
  let isAsked = (): void => undefined;
  const asked = new Promise<void>((resolve) => (isAsked = resolve));
  const keys = (): Promise<never> => (isAsked(), new Promise(() => undefined));
  const verifier = { rules: { algorithms: [] }, keys, closing: closing.signal } as unknown as ManyVerifier;
  return { verifier, closing, asked };
};

test('a signal, or the end of the verifier, ends it while keys are fetched, and does not wait for them', async () => {
  const [first, second] = [waitingForKeys(), waitingForKeys()];
  const control = new AbortController();
  const aborted = verifyMany(first.verifier, [['a']], { signal: control.signal }).next();
  await first.asked;
  control.abort('enough');
  await expect(aborted).rejects.toMatchObject({ code: 'ABORTED', cause: 'enough' });
  const closed = verifyMany(second.verifier, [['a']], {}).next();
  await second.asked;
  second.closing.abort(new TokenvisorError('STOPPED', 'it has been closed'));
  await expect(closed).rejects.toMatchObject({ code: 'STOPPED' });
});

test('a batch whose keys can’t be had ends it, while those of another are still fetched', async () => {
  const { verifier } = waitingForKeys();
  let calls = 0;
  const keys = (): Promise<never> => {
    calls += 1;
    return calls === 1
      ? Promise.reject(new TokenvisorError('KEYS_UNAVAILABLE', 'no keys'))
      : (verifier.keys() as never);
  };
  const run = verifyMany({ ...verifier, keys }, [['a'], ['b']], { threads: 1 });
  await expect(run.next()).rejects.toMatchObject({ code: 'KEYS_UNAVAILABLE' });
  expect(calls).toBe(2);
});
