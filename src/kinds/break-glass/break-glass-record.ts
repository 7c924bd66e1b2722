/**
 * What is kept of a break-glass token: its digest and its times, in the child's snapshot; and the child's own words, which
 * are counted in by every thread.
 */
import { hash, timingSafeEqual } from 'node:crypto';

/** Of SHA-256. */
const DIGEST_BYTES = 32;

/** The child's own words. */
export const GlassWord = {
  /** Lookups of the token, and of anything else: each goes round at 2^32. */
  MATCHES: 0,
  MISSES: 1,
  /** The same counts as they were when they were last told. */
  TOLD_MATCHES: 2,
  TOLD_MISSES: 3,
  /**
   * How often the token was cleared. A token is good as long as this is what it was when the token was asked for: so
   * a clear needs nobody's help, and one that was sent after a build holds for what that build makes.
   */
  CLEARS: 4,
} as const;

/** What the snapshot holds. `digest` is base64. */
export interface GlassRecord {
  readonly digest: string;
  readonly insertedAtMs: number;
  /** The same instant on the clock that nobody can set. */
  readonly insertedMonoMs: number;
  readonly clears: number;
}

/** What the handle says to the actor. No message holds a token. */
export type GlassMessage =
  { readonly kind: 'build'; readonly clears: number } | { readonly kind: 'delete'; readonly digest: Uint8Array };

/** Validates a message from an untrusted port and copies its known members; undefined if it is malformed. */
export const glassMessageOf = (message: unknown): GlassMessage | undefined => {
  const { kind, clears, digest } = (message ?? {}) as Readonly<Record<string, unknown>>;
  if (kind === 'build') return Number.isInteger(clears) ? { kind, clears: clears as number } : undefined;
  if (kind !== 'delete' || !(digest instanceof Uint8Array) || digest.length !== DIGEST_BYTES) return undefined;
  return { kind, digest };
};

/** What a build is answered with. */
export interface BuiltToken {
  /** The token: 32 random bytes, in base64url. It is told this once, and kept nowhere. */
  readonly token: string;
  /** When it was made: ms since the Unix epoch (UTC). */
  readonly insertedAtMs: number;
}

/**
 * SHA-256 of a token: all that is ever kept or sent. It needs no salt and no slowness, because a token is 256 random bits:
 * nothing can be guessed.
 */
export const digestOf = (token: string): Buffer => hash('sha256', token, 'buffer');

/** One for each thread: a buffer for every lookup would cost more than the digest. */
const scratch = Buffer.alloc(DIGEST_BYTES);

/**
 * Whether this is the digest of that token, in a time that says nothing of either: what is compared can't be chosen by who
 * gives a token, and the comparison stops nowhere.
 */
export const isDigestOf = (digest: Uint8Array, token: string): boolean => {
  scratch.write(hash('sha256', token, 'binary'), 'binary');
  return timingSafeEqual(scratch, digest);
};
