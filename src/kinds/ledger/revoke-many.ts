/**
 * Revokes many tokens: several batches are sent to the actor ahead of their answers, so that neither side waits for the
 * other.
 */
import { abortError } from '../../core/abort.js';
import type { CallOptions } from '../../messaging/call-port.js';
import { boolean, checked, custom, object, optional } from '../../config/check.js';
import { waitShape } from '../../config/check-timeout.js';
import { TokenvisorError } from '../../core/errors.js';
import { BulkError } from '../inbound/bulk-error.js';
import { readClaims } from '../../jwt/read-claims.js';
import { checkSource, inBatches } from '../inbound/in-batches.js';
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

/** Batches sent ahead: more than there are threads that verify. */
const AHEAD = 8;
/** The timeout of one batch, on a busy machine with a slow store: ms. */
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
  const underWay: { readonly first: number; readonly count: number; readonly answer: Promise<RevokedBatch> }[] = [];
  let sent = 0;
  let done = 0;
  const send = (batch: readonly string[]): void => {
    const message: LedgerCall = verified
      ? { kind: 'revoke_many', facts: batch.map(factsOfAny) }
      : { kind: 'revoke_many', tokens: batch.map(textOrNone) };
    const answer = call(message, { timeoutMs: TIMEOUT_MS, ...(signal && { signal }) });
    answer.catch(() => undefined); // Its error is reported in its turn.
    underWay.push({ first: sent, count: batch.length, answer });
    sent += batch.length;
  };
  const receive = async (): Promise<void> => {
    const { first, count, answer } = underWay[0]!;
    const { revoked, alreadyRevoked, refused } = await answer;
    underWay.shift();
    done += count;
    progress = {
      revoked: progress.revoked + revoked,
      alreadyRevoked: progress.alreadyRevoked + alreadyRevoked,
      refused: progress.refused + refused.length,
      refusedAt: [...progress.refusedAt, ...refused.map((at) => first + at)].slice(0, MOST_PLACES),
    };
    onProgress?.(progress);
  };
  try {
    for await (const batch of inBatches(tokens, MOST_OF_A_BATCH, signal)) {
      if (underWay.length >= AHEAD) await receive();
      send(batch);
    }
    if (signal?.aborted === true) throw abortError('call', signal);
    while (underWay.length > 0) await receive();
    return progress;
  } catch (error) {
    if (!(error instanceof TokenvisorError)) throw error;
    const { code, message } = error;
    throw new BulkError(code, `revokeMany() was done with ${done} tokens: ${message}`, { done, child, cause: error });
  } finally {
    // Sent batches are completed before the outcome is reported.
    await Promise.allSettled(underWay.map(({ answer }) => answer));
  }
};

/** A value that is not a string is refused like an invalid token. */
const textOrNone = (token: unknown): string => (typeof token === 'string' ? token : '');

const factsOfAny = (token: unknown): ReturnType<typeof factsOf> => {
  const claims = readClaims(token);
  return claims && factsOf(claims);
};
