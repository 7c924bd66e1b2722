/**
 * Revokes many tokens: sends batches to the actor, some of them ahead of their answers, so that neither side waits for the
 * other.
 */
import { lists } from '../../core/batcher.js';
import type { CallOptions } from '../../messaging/call-port.js';
import { boolean, checked, custom, object, optional } from '../../config/check.js';
import { waitShape } from '../../config/check-timeout.js';
import { pipeline } from '../../core/pipeline.js';
import { checkSource } from '../../core/source.js';
import { bulkError } from '../inbound/bulk-error.js';
import { readClaims } from '../../jwt/read-claims.js';
import { MOST_OF_A_BATCH, type LedgerCall, type RevokedBatch } from './ledger-messages.js';
import { factsOf } from './token-facts.js';

/** The progress of `revokeMany()`, and its result. */
export interface RevokeManyProgress {
  /** How many this call has revoked. */
  readonly revoked: number;
  /** How many were revoked already. */
  readonly alreadyRevoked: number;
  /** How many could not be verified, or are not JWTs with a `jti`. */
  readonly refused: number;
  /** The indices of these, from 0: the first 1,000. */
  readonly refusedAt: readonly number[];
}

/** Options of `revokeMany()`. */
export interface RevokeManyOptions {
  /**
   * The caller has verified their signatures.
   * @default false
   */
  readonly verified?: boolean;
  /** Ends it: it rejects with ABORTED. Tokens revoked by then stay revoked. */
  readonly signal?: AbortSignal;
  /** Called after each batch, with the totals so far. */
  readonly onProgress?: (progress: RevokeManyProgress) => void;
}

const shape = object({
  verified: optional(boolean(), false),
  signal: waitShape.signal,
  onProgress: optional(
    custom('a function', (value): value is (progress: RevokeManyProgress) => void => typeof value === 'function'),
  ),
});

/** How many batches are ahead of their answers: more than there are threads that verify. */
const IN_FLIGHT = 8;
/** A batch of long tokens is sent before it has {@link MOST_OF_A_BATCH}, so that its size is bounded. */
const CHARACTERS_OF_A_BATCH = 4 * 1_024 * 1_024;
/** One batch, on a busy machine with a slow store. */
const TIMEOUT_MS = 60_000;
const MOST_PLACES = 1_000;

type Call = (call: LedgerCall, options: CallOptions) => Promise<RevokedBatch>;

export const revokeMany = async (
  tokens: Iterable<string> | AsyncIterable<string>,
  options: RevokeManyOptions,
  child: string,
  call: Call,
): Promise<RevokeManyProgress> => {
  const { verified, signal, onProgress } = checked(shape, options, 'options', child);
  checkSource(tokens, child);
  let progress: RevokeManyProgress = { revoked: 0, alreadyRevoked: 0, refused: 0, refusedAt: [] };
  let done = 0;
  const work = async (batch: readonly string[]): Promise<RevokedBatch & { readonly count: number }> => {
    const message: LedgerCall = verified
      ? { kind: 'revoke_many', facts: batch.map(factsOfAny) }
      : { kind: 'revoke_many', tokens: batch.map(textOrNone) };
    const answer = await call(message, { timeoutMs: TIMEOUT_MS, ...(signal && { signal }) });
    return { ...answer, count: batch.length };
  };
  const batcher = lists<string>(MOST_OF_A_BATCH, CHARACTERS_OF_A_BATCH, lengthOf);
  try {
    const answers = pipeline({ source: tokens, batcher, work, inFlight: IN_FLIGHT, signals: [signal], what: 'call' });
    for await (const { revoked, alreadyRevoked, refused, count } of answers) {
      const places = refused.map((at) => done + at);
      done += count;
      progress = {
        revoked: progress.revoked + revoked,
        alreadyRevoked: progress.alreadyRevoked + alreadyRevoked,
        refused: progress.refused + refused.length,
        refusedAt: [...progress.refusedAt, ...places].slice(0, MOST_PLACES),
      };
      onProgress?.(progress);
    }
    return progress;
  } catch (error) {
    throw bulkError(error, done, child);
  }
};

/** An item that is no string goes as an empty one, which is refused as well. */
const textOrNone = (token: unknown): string => (typeof token === 'string' ? token : '');

const lengthOf = (token: unknown): number => textOrNone(token).length;

const factsOfAny = (token: unknown): ReturnType<typeof factsOf> => {
  const claims = readClaims(token);
  return claims && factsOf(claims);
};
