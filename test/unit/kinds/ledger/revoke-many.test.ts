import { expect, test } from 'vitest';
import { TokenvisorError } from '../../../../src/core/errors.js';
import { BulkError } from '../../../../src/kinds/inbound/bulk-error.js';
import type { LedgerCall, RevokedBatch } from '../../../../src/kinds/ledger/ledger-messages.js';
import { revokeMany } from '../../../../src/kinds/ledger/revoke-many.js';
import { turn } from '../../../support/turn.js';

/** An actor that answers when the test says so. */
const heldCalls = () => {
  const calls: { readonly tokens: readonly string[]; readonly resolve: (refused?: number[]) => void }[] = [];
  const call = (message: LedgerCall): Promise<RevokedBatch> =>
    new Promise((resolve) => {
      const { tokens } = message as { readonly tokens: readonly string[] };
      const answer = (refused: number[]): RevokedBatch => {
        return { revoked: tokens.length - refused.length, alreadyRevoked: 0, refused };
      };
      calls.push({ tokens, resolve: (refused = []) => resolve(answer(refused)) });
    });
  return { calls, call };
};

test('a batch has 500 tokens, or 4 Mi characters of them; 8 are ahead of their answers', async () => {
  const { calls, call } = heldCalls();
  const long = 'x'.repeat(1_024 * 1_024);
  const tokens = [...Array<string>(7).fill(long), ...Array<string>(5_000).fill('x'), 5 as never];
  const all = revokeMany(tokens, {}, 'revoked', call);
  await turn();
  expect(calls.map((each) => each.tokens.length)).toEqual([4, 500, 500, 500, 500, 500, 500, 500]);
  // Each answer lets another batch go, which the loop then reaches.
  for (const { resolve } of calls) {
    resolve();
    await turn();
  }
  expect(calls.map((each) => each.tokens.length).slice(8)).toEqual([500, 500, 500, 4]);
  expect(calls.at(-1)!.tokens.at(-1)).toBe('');
  expect(await all).toEqual({ revoked: 5_008, alreadyRevoked: 0, refused: 0, refusedAt: [] });
});

test('places of refused tokens count from the first token, whichever batch is answered first', async () => {
  const { calls, call } = heldCalls();
  const progress: number[] = [];
  const onProgress = ({ revoked }: { revoked: number }): void => void progress.push(revoked);
  const all = revokeMany(Array<string>(1_200).fill('x'), { onProgress }, 'revoked', call);
  await turn();
  calls[2]!.resolve([199]);
  calls[1]!.resolve([0, 7]);
  await turn();
  expect(progress).toEqual([]);
  calls[0]!.resolve([3]);
  expect(await all).toMatchObject({ revoked: 1_196, refused: 4, refusedAt: [3, 500, 507, 1_199] });
  expect(progress).toEqual([499, 997, 1_196]);
});

test('a batch that fails ends it, with how many were done, when the others are answered', async () => {
  let calls = 0;
  const failing = (): Promise<RevokedBatch> => {
    calls += 1;
    if (calls === 2) return Promise.reject(new TokenvisorError('KEYS_UNAVAILABLE', 'there are no keys'));
    return Promise.resolve({ revoked: 500, alreadyRevoked: 0, refused: [] });
  };
  const error: unknown = await revokeMany(Array<string>(2_000).fill('x'), {}, 'revoked', failing).catch(
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(BulkError);
  expect(error).toMatchObject({ code: 'KEYS_UNAVAILABLE', done: 500, child: 'revoked' });
  expect((error as Error).message).toBe('there are no keys. 500 of the tokens were done before');
});
