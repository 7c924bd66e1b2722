/**
 * The refresh loop's types: events, effects and state. The loop itself is the pure function in refresh.ts; the actor is
 * a thin shell that carries out the effects.
 */
import type { NoticeOf } from '../../../supervision/core/event-map.js';
import type { Instant } from '../../../core/clock.js';
import type { MintFailure } from '../../../core/errors.js';

/** The options of a credential that determine when it mints, all checked, all in milliseconds. */
export interface RefreshPolicy {
  /** Mint at start; else wait for the first `get()`. */
  readonly eager: boolean;
  /**
   * How long before its expiry a token is replaced, at most 90 % of its life; undefined: the smaller of 300,000 and
   * 25 % of its life.
   */
  readonly leadMs?: number;
  /**
   * How long before its expiry a token is no longer handed out, at most 40 % of its life; undefined: the smaller of
   * 10,000 and 10 % of its life.
   */
  readonly marginMs?: number;
  /** A fixed interval between mints; undefined: off. */
  readonly refreshEveryMs?: number;
  /** A fixed wait between retries; undefined: full jitter, base 500, doubling to 30,000, or 5,000 without a good token. */
  readonly retryEveryMs?: number;
  /** The lifetime of a token whose answer has none. */
  readonly assumeLifetimeMs: number | 'never';
  /** How often a parked credential is tried again; not for single-use refresh tokens. */
  readonly probeEveryMs: number;
  /** At most one request in this time, for any reason, across restarts. */
  readonly floorMs: number;
  /** True if an exchange spends a single-use refresh token. */
  readonly singleUse: boolean;
  /** Another after each `update()`, so that one which no actor was there to hear is heard by the next. */
  readonly revision?: string;
  /** After an `update()`: what is to be tried with the configuration before it. */
  readonly overlap?: Overlap;
}

/** The time in which the server may not know the new secret yet, or no longer know the old one. */
export interface Overlap {
  readonly untilMonoMs: number;
  /** The OAuth errors by which a server says that it does not know the secret. */
  readonly refusals: readonly string[];
}

/** The spans of one answer, drawn once: counted from when its request was sent; `Infinity` is never. */
export interface TokenSpans {
  readonly lifeMs: number;
  /** The life less the margin: readers stop handing it out then. */
  readonly usableForMs: number;
  /** When its replacement is due, jitter subtracted. */
  readonly refreshAfterMs: number;
}

/** The same as instants, for readers: whole milliseconds of wall time; `Infinity` is never. */
export interface TokenTimes {
  readonly issuedAtMs: number;
  readonly expiresAtMs: number;
  /** Expiry less the margin: readers stop handing it out then. */
  readonly usableUntilMs: number;
  /** When its replacement is due, jitter subtracted. */
  readonly refreshAtMs: number;
}

/** The lifetime that an answer claims, validated and converted; see schedule.ts. */
export interface AnswerLifetime {
  /** Milliseconds from when the request was sent; undefined if the answer has none; `Infinity` for never. */
  readonly lifeMs?: number;
  /** The server's hint, milliseconds from when the request was sent. */
  readonly refreshInMs?: number;
}

export type ParkReason = 'fatal_answer' | 'ambiguous_exchange';

/** The state that a crash of the actor must not lose; sealed, never shown. JSON: no `Infinity`, no `undefined`. */
export interface PersistedRefresh {
  /** Failures in a row. */
  readonly failures: number;
  readonly attempts: number;
  readonly mints: number;
  readonly refreshes: number;
  /** Monotonic time of the last request. */
  readonly lastRequestMonoMs?: number;
  /** Monotonic time before which no attempt may be made (Retry-After, `retryEveryMs`, the floor of `invalidate`). */
  readonly notBeforeMonoMs?: number;
  /** The same for back-off. It is shortened when no token can be served any more. */
  readonly backOffUntilMonoMs?: number;
  readonly lastFailure?: TimedFailure;
  readonly parked?: { readonly why: ParkReason; readonly atMonoMs: number };
  /** The revision of the policy that this state belongs to. */
  readonly revision?: string;
  /** No mint has succeeded with that revision. */
  readonly unproved?: boolean;
  /** Data of the token that the snapshot does not have; valid only if the generation matches. */
  readonly token?: PersistedToken;
}

export interface PersistedToken {
  readonly generation: number;
  /** When its request was sent: the one instant that ties its life to both clocks. Re-anchored when they diverge. */
  readonly sentAt: Instant;
  /** When its request was sent, unchanged. */
  readonly mintedMonoMs: number;
  /** Undefined: never. */
  readonly refreshAfterMs?: number;
  /** `token:expired` has been emitted. */
  readonly expired: boolean;
}

export interface TimedFailure extends MintFailure {
  readonly atMs: number;
}

/** A token that is in the snapshot already, for a restart to adopt. */
export interface AdoptedToken {
  readonly generation: number;
  readonly issuedAtMs: number;
  readonly expiresAtMs: number;
  readonly usableUntilMs: number;
}

/** The events of the loop. */
export type RefreshEvent =
  /** The first event. `generation` is the last ever published, `token` the one still in the snapshot. */
  | {
      readonly kind: 'started';
      readonly policy: RefreshPolicy;
      readonly generation: number;
      readonly token?: AdoptedToken;
      readonly persisted?: PersistedRefresh;
      readonly wanted: number;
      readonly invalidated: number;
      /** Why minting can't begin: the error of the provider's preflight. */
      readonly obstacle?: MintFailure;
    }
  /** The attempt's answer, checked. */
  | { readonly kind: 'minted'; readonly attempt: number; readonly lifetime: AnswerLifetime }
  | { readonly kind: 'mint_failed'; readonly attempt: number; readonly failure: MintFailure }
  /** The words in shared memory that any thread raises. */
  | { readonly kind: 'requested'; readonly wanted: number; readonly invalidated: number }
  /** The instant of the last `wake` effect has been reached. A spurious one is harmless. */
  | { readonly kind: 'woken' }
  /** Wall and monotonic time have diverged by `byMs`. */
  | { readonly kind: 'clock_stepped'; readonly byMs: number }
  /** Another credential's token, from which this one was minted, has been replaced. */
  | { readonly kind: 'source_changed' }
  /** `resume()`, or a secret file has changed. */
  | { readonly kind: 'resumed'; readonly by: 'user' | 'secret' }
  /**
   * `update()`: a newer configuration, to be proved by a mint. Answers to the older one no longer count, except in a
   * single-use exchange: no `cancel` comes for that one, and its answer is waited for and published first.
   */
  | { readonly kind: 'reconfigured'; readonly policy: RefreshPolicy; readonly obstacle?: MintFailure };

/** The effects that the shell must carry out, in order. A `persist` is always the first, a `wake` always the last. */
export type RefreshEffect =
  /** Make it durable before any following effect. */
  | { readonly kind: 'persist'; readonly persisted: PersistedRefresh }
  /**
   * `resumed`: the first attempt after a `resume()` that un-parked, or after an `update()`. `previous`: with the
   * configuration before that one.
   */
  | { readonly kind: 'mint'; readonly attempt: number; readonly resumed: boolean; readonly previous?: true }
  /** Cancel this attempt: its result is not needed. */
  | { readonly kind: 'cancel'; readonly attempt: number }
  /** Publish the answer of `attempt` under `generation`. */
  | {
      readonly kind: 'publish';
      readonly attempt: number;
      readonly generation: number;
      readonly times: TokenTimes;
    }
  /**
   * Publish the live token again, under the same generation, with times by the stepped clock. Readers that have the
   * token cached must see it too.
   */
  | { readonly kind: 'republish'; readonly times: TokenTimes }
  /** Withdraw the token: no reader may get it again. */
  | { readonly kind: 'withdraw' }
  /** Wake the loop at this time (monotonic, always in the future); replaces any earlier wake. `undefined`: never. */
  | { readonly kind: 'wake'; readonly atMonoMs: number | undefined }
  | { readonly kind: 'emit'; readonly event: RefreshNotice };

/** The events that the loop emits; the shell adds the child's name. */
export type RefreshNotice = WithoutName<
  NoticeOf<
    | 'mint:started'
    | 'mint:succeeded'
    | 'mint:failed'
    | 'token:expired'
    | 'token:withdrawn'
    | 'child:parked'
    | 'child:resumed'
    | 'clock:stepped'
  >
>;

/** Of each event by itself. */
type WithoutName<Notice> = Notice extends unknown ? Omit<Notice, 'name'> : never;

/** The loop's part of `status()`: written by the actor, read by any thread. Instants are wall time. */
export interface RefreshStatus {
  /**
   * `starting` until there has been a token; `fresh`, `refreshing` and `degraded` (the last attempt failed) while one
   * is live; `expired` once it is expired or withdrawn; `parked` overrides all others.
   */
  readonly state: 'starting' | 'fresh' | 'refreshing' | 'degraded' | 'expired' | 'parked';
  readonly mints: number;
  readonly refreshes: number;
  readonly attempts: number;
  /** Failures in a row. */
  readonly failures: number;
  /** The last of the failures in a row: a success clears it. */
  readonly lastFailure?: TimedFailure;
  readonly refreshAtMs?: number;
  /** Undefined while an attempt is in flight, and when none is planned. */
  readonly nextAttemptAtMs?: number;
  /** An attempt is in flight. */
  readonly exchanging: boolean;
  readonly parked?: { readonly why: ParkReason; readonly probeAtMs?: number };
}
