/**
 * The stored form of a break-glass token: its digest and its times, in the child's snapshot; and counters in the
 * child's words, which every thread increments.
 */
import { hash, timingSafeEqual } from 'node:crypto';

/** The size of SHA-256. */
const DIGEST_BYTES = 32;

/** The child's words. */
export const GlassWord = {
  /** Lookups that matched, and others: each wraps around at 2^32. */
  MATCHES: 0,
  MISSES: 1,
  /** The counts at the last report. */
  TOLD_MATCHES: 2,
  TOLD_MISSES: 3,
  /**
   * How often the token was cleared. A token is valid as long as this equals its value when the build was requested: so
   * a clear needs no other thread, and a clear after a build request also applies to that build's token.
   */
  CLEARS: 4,
} as const;

/** The contents of the snapshot. `digest` is base64. */
export interface GlassRecord {
  readonly digest: string;
  readonly insertedAtMs: number;
  /** The same instant on the monotonic clock, which can't be set. */
  readonly insertedMonoMs: number;
  readonly clears: number;
}

/** The messages of the handle to the actor. No message holds a token. */
export type GlassMessage =
  { readonly kind: 'build'; readonly clears: number } | { readonly kind: 'delete'; readonly digest: Uint8Array };

/** Validates a message from an untrusted port and copies its known members; undefined if it is malformed. */
export const glassMessageOf = (message: unknown): GlassMessage | undefined => {
  const { kind, clears, digest } = (message ?? {}) as Readonly<Record<string, unknown>>;
  if (kind === 'build') return Number.isInteger(clears) ? { kind, clears: clears as number } : undefined;
  if (kind !== 'delete' || !(digest instanceof Uint8Array) || digest.length !== DIGEST_BYTES) return undefined;
  return { kind, digest };
};

/** The result of a build. */
export interface BuiltToken {
  /** The token: 32 random bytes, in base64url. It is returned this once, and stored nowhere. */
  readonly token: string;
  /** When it was made: ms since the Unix epoch (UTC). */
  readonly insertedAtMs: number;
}

/**
 * SHA-256 of a token: only this is stored or sent. It needs no salt and no slow hash, because a token has 256 random
 * bits: it can't be guessed.
 */
export const digestOf = (token: string): Buffer => hash('sha256', token, 'buffer');

/** One for each thread: a new buffer for every lookup would cost more than the digest. */
const scratch = Buffer.alloc(DIGEST_BYTES);

/**
 * True if this is the digest of that token, in constant time: the compared digests can't be chosen by an attacker, and
 * the comparison does not stop early.
 */
export const isDigestOf = (digest: Uint8Array, token: string): boolean => {
  scratch.write(hash('sha256', token, 'binary'), 'binary');
  return timingSafeEqual(scratch, digest);
};
