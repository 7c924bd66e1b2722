/**
 * The arithmetic of a token's schedule: its lifetime, its replacement, and waits after failures. Pure.
 *
 * Everything derived from an answer is kept as spans, counted from when its request was sent. Spans do not move when a
 * clock steps; {@link tokenTimes} turns them into instants for readers.
 */
import type { Instant } from '../../../core/clock.js';
import type { MintFailure } from '../../../core/errors.js';
import { readSeconds } from '../../../oauth/protocol/seconds.js';
import type { AnswerLifetime, RefreshPolicy, TokenSpans, TokenTimes } from './refresh-types.js';

/** Clocks are read a moment apart and slewed a little: a smaller difference is not a step. */
export const CLOCK_TOLERANCE_MS = 100;

const DEFAULT_LEAD_MS = 300_000;
const DEFAULT_MARGIN_MS = 10_000;
const INVALIDATE_FLOOR_MS = 10_000;
const RETRY_BASE_MS = 500;
const RETRY_CAP_MS = 30_000;
const UNSERVED_RETRY_CAP_MS = 5_000;
const RETRY_AFTER_CAP_MS = 3_600_000;

/** The least time between the start of the last refresh that can be in time and the end of the token's use. */
const HEADROOM_MS = 10_000;

/** Some servers encode "never" as a lifetime of centuries. */
const NEVER_FROM_MS = 100 * 365.25 * 86_400_000;

/** A hint is clamped to 10 % of the life; an infinite life needs another bound. */
const LEAST_HINT_MS = 10_000;

/** The lifetime members of a minted token; their types are unchecked. */
export interface ClaimedLifetime {
  readonly expiresInS?: unknown;
  readonly expiresAtMs?: unknown;
  readonly refreshInS?: unknown;
}

export type LifetimeReading =
  { readonly ok: true; readonly lifetime: AnswerLifetime } | { readonly ok: false; readonly failure: MintFailure };

const isGiven = (value: unknown): boolean => value !== undefined && value !== null;

/** The failure of an answer that has expired, or exceeded its usable time, on arrival. */
export const expiredAnswer: MintFailure = {
  class: 'transient',
  reason: 'expired_answer',
  message: 'Expected an answer that is still valid, got one that was expired on arrival',
};

const malformedLifetime = (member: string, expected: string, value: unknown): MintFailure => ({
  class: 'transient',
  reason: 'malformed_answer',
  // The value is the server's text, so only its type is shown.
  message: `Expected \`${member}\` to be ${expected}, got an invalid ${typeof value}`,
});

/**
 * Validates and converts the lifetime in an answer (RFC 6749 §5.1). If it has both a duration and an instant, the
 * earlier end counts. `null` counts as missing. An invalid refresh hint is ignored.
 *
 * @param sentAtMs Wall time at which the request was sent.
 */
export const readLifetime = (claimed: ClaimedLifetime, sentAtMs: number): LifetimeReading => {
  const lives: number[] = [];
  if (isGiven(claimed.expiresInS)) {
    const lifeMs = readSeconds(claimed.expiresInS) * 1_000;
    if (Number.isNaN(lifeMs)) {
      const failure = malformedLifetime('expires_in', 'a number of seconds', claimed.expiresInS);
      return { ok: false, failure };
    }
    lives.push(lifeMs);
  }
  if (isGiven(claimed.expiresAtMs)) {
    if (typeof claimed.expiresAtMs !== 'number' || Number.isNaN(claimed.expiresAtMs)) {
      const failure = malformedLifetime('expiresAtMs', 'a number of milliseconds', claimed.expiresAtMs);
      return { ok: false, failure };
    }
    lives.push(claimed.expiresAtMs - sentAtMs);
  }
  const lifeMs = Math.min(...lives);
  if (lives.length > 0 && lifeMs <= 0) return { ok: false, failure: expiredAnswer };

  const refreshInMs = isGiven(claimed.refreshInS) ? readSeconds(claimed.refreshInS) * 1_000 : NaN;
  return {
    ok: true,
    lifetime: {
      ...(lives.length > 0 && { lifeMs: lifeMs >= NEVER_FROM_MS ? Infinity : lifeMs }),
      ...(Number.isFinite(refreshInMs) && { refreshInMs }),
    },
  };
};

type LifePolicy = Pick<RefreshPolicy, 'leadMs' | 'marginMs' | 'refreshEveryMs' | 'assumeLifetimeMs'>;

const lifeOf = (lifetime: AnswerLifetime, policy: LifePolicy): number => {
  if (lifetime.lifeMs !== undefined) return lifetime.lifeMs;
  if (policy.refreshEveryMs !== undefined || policy.assumeLifetimeMs === 'never') return Infinity;
  return policy.assumeLifetimeMs;
};

const clamp = (value: number, least: number, most: number): number => Math.min(Math.max(value, least), most);

/**
 * The spans of a token, drawn once: expiry, end of use, and the refresh.
 *
 * The lead is the server's hint, else `leadMs` (at most 90 % of the life), else the smaller of 300,000 and 25 %; jitter
 * of up to 5 % of the life makes it longer. In any case, the refresh is due before the end of use, by the smaller of 10
 * s and 5 % of the life, and the margin is at most 40 % of the life: so a life of 2 s or more leaves room for a request
 * a second without a gap.
 */
export const tokenSpans = (lifetime: AnswerLifetime, policy: LifePolicy, random: () => number): TokenSpans => {
  const lifeMs = lifeOf(lifetime, policy);
  const everyMs = policy.refreshEveryMs ?? Infinity;
  if (lifeMs === Infinity) {
    const hintMs = lifetime.refreshInMs === undefined ? Infinity : Math.max(lifetime.refreshInMs, LEAST_HINT_MS);
    return { lifeMs, usableForMs: Infinity, refreshAfterMs: Math.floor(Math.min(hintMs, everyMs)) };
  }
  const marginMs = Math.min(policy.marginMs ?? Math.min(DEFAULT_MARGIN_MS, lifeMs * 0.1), lifeMs * 0.4);
  const usableForMs = lifeMs - marginMs;
  const leadMs = Math.min(policy.leadMs ?? Math.min(DEFAULT_LEAD_MS, lifeMs * 0.25), lifeMs * 0.9);
  const wishedMs =
    lifetime.refreshInMs === undefined ? lifeMs - leadMs : clamp(lifetime.refreshInMs, lifeMs * 0.1, usableForMs);
  const jitterMs = random() * lifeMs * 0.05;
  const latestMs = usableForMs - Math.min(HEADROOM_MS, lifeMs * 0.05);
  return {
    lifeMs: Math.floor(lifeMs),
    usableForMs: Math.floor(usableForMs),
    refreshAfterMs: Math.floor(Math.min(wishedMs - jitterMs, latestMs, everyMs)),
  };
};

/**
 * The age of a token: the larger one by the two clocks.
 *
 * Neither clock is reliable alone. Wall time can be set back, which would prolong the token; monotonic time stands
 * still while the machine is suspended, which would do the same. A wall clock that is set forward can't be
 * distinguished from a suspend, so it makes the token look older than it is, and costs at most one early mint.
 */
export const ageMs = (sentAt: Instant, now: Instant): number =>
  Math.max(now.wallMs - sentAt.wallMs, now.monoMs - sentAt.monoMs);

/**
 * The same moment by clocks that have diverged since: both ages become the larger one, so that no change of either
 * clock makes the token younger again. Clocks that are less than {@link CLOCK_TOLERANCE_MS} apart have not diverged.
 */
export const anchored = (sentAt: Instant, now: Instant): Instant => {
  const wallAgeMs = now.wallMs - sentAt.wallMs;
  const monoAgeMs = now.monoMs - sentAt.monoMs;
  if (Math.abs(wallAgeMs - monoAgeMs) < CLOCK_TOLERANCE_MS) return sentAt;
  return wallAgeMs > monoAgeMs
    ? { ...sentAt, monoMs: now.monoMs - wallAgeMs }
    : { ...sentAt, wallMs: Math.floor(now.wallMs - monoAgeMs) };
};

/**
 * The instants of a token on the wall clock, for readers that only use that one: with an {@link anchored} moment a
 * reader's check agrees with {@link ageMs} until the clock steps again.
 */
export const tokenTimes = (spans: TokenSpans, sentAt: Instant): TokenTimes => {
  const issuedAtMs = sentAt.wallMs;
  return {
    issuedAtMs,
    expiresAtMs: issuedAtMs + spans.lifeMs,
    usableUntilMs: issuedAtMs + spans.usableForMs,
    refreshAtMs: issuedAtMs + spans.refreshAfterMs,
  };
};

/**
 * How long after a mint an invalidation waits for the next one: ten staggered 401s cost one mint, and a faulty server
 * gets no flood.
 */
export const invalidateFloorMs = (lifeMs: number): number => Math.min(INVALIDATE_FLOOR_MS, lifeMs * 0.1);

/** The longest back-off: 30,000 while a token can be served, 5,000 while none can. */
export const backOffCapMs = (isServed: boolean): number => (isServed ? RETRY_CAP_MS : UNSERVED_RETRY_CAP_MS);

/** The back-off after the `failures`-th failure in a row: full jitter, base 500, doubling to {@link backOffCapMs}. */
export const backOffMs = (failures: number, isServed: boolean, random: () => number): number =>
  random() * Math.min(backOffCapMs(isServed), RETRY_BASE_MS * 2 ** Math.max(0, failures - 1));

/** The least back-off: the floor, `retryEveryMs`, and the wait that Retry-After asked for. */
export const leastRetryMs = (
  retryAfterMs: number | undefined,
  { floorMs, retryEveryMs = 0 }: Pick<RefreshPolicy, 'retryEveryMs' | 'floorMs'>,
): number => Math.max(floorMs, retryEveryMs, retryAfterWaitMs(retryAfterMs));

/** The part of a Retry-After that is honoured: at most an hour. */
export const retryAfterWaitMs = (retryAfterMs: number | undefined): number =>
  clamp(retryAfterMs ?? 0, 0, RETRY_AFTER_CAP_MS);
