/**
 * The refresh loop's vocabulary: what happens to it (events), what it asks for (effects), what it remembers (state).
 * The loop itself is the pure function in refresh.ts; the actor is a thin shell that carries out the effects.
 */
import type { Instant } from '../../../core/clock.js';
import type { MintFailure } from '../../../core/errors.js';

/** The options of a credential that decide when it mints, all checked, all in milliseconds. */
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
  /** The life of a token whose answer names none. */
  readonly assumeLifetimeMs: number | 'never';
  /** How often a parked credential is tried again; not for single-use refresh tokens. */
  readonly probeEveryMs: number;
  /** Never more than one request in this time, whatever the reason, over restarts. */
  readonly floorMs: number;
  /** True if an exchange spends a refresh token that can't be spent twice. */
  readonly singleUse: boolean;
  /** Another after each `update()`, so that one which no actor was there to hear is heard by the next. */
  readonly revision?: string;
  /** After a `update()`: what is to be tried with the configuration before it. */
  readonly overlap?: Overlap;
}

/** The time in which the server may know the new secret not yet, or the old one no longer. */
export interface Overlap {
  readonly untilMonoMs: number;
  /** The OAuth errors by which a server says that it does not know the secret. */
  readonly refusals: readonly string[];
}

/** What follows from one answer, drawn once: counted from when its request was sent; `Infinity` is never. */
export interface TokenSpans {
  readonly lifeMs: number;
  /** The life less the margin: readers stop handing it out then. */
  readonly usableForMs: number;
  /** When its replacement is due, jitter taken off. */
  readonly refreshAfterMs: number;
}

/** The same as instants, for readers: whole milliseconds of wall time; `Infinity` is never. */
export interface TokenTimes {
  readonly issuedAtMs: number;
  readonly expiresAtMs: number;
  /** Expiry less the margin: readers stop handing it out then. */
  readonly usableUntilMs: number;
  /** When its replacement is due, jitter taken off. */
  readonly refreshAtMs: number;
}

/** The lifetime that an answer claims, validated and converted; see schedule.ts. */
export interface AnswerLifetime {
  /** Milliseconds from when the request was sent; undefined if the answer names none; `Infinity` for never. */
  readonly lifeMs?: number;
  /** The server's hint, milliseconds from when the request was sent. */
  readonly refreshInMs?: number;
}

export type ParkReason = 'fatal_answer' | 'ambiguous_exchange';

/** What a crash of the actor must not lose; sealed, never shown. JSON: no `Infinity`, no `undefined`. */
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
  /** The same for back-off. It is brought forward when no token can be served any more. */
  readonly backOffUntilMonoMs?: number;
  readonly lastFailure?: TimedFailure;
  readonly parked?: { readonly why: ParkReason; readonly atMonoMs: number };
  /** The policy's that all this is about. */
  readonly revision?: string;
  /** No mint has succeeded since that came. */
  readonly unproved?: boolean;
  /** What the snapshot does not tell of the token in it; it counts only if the generation is that token's. */
  readonly token?: PersistedToken;
}

export interface PersistedToken {
  readonly generation: number;
  /** When its request was sent: the one instant that ties its life to both clocks. Anchored anew when they part. */
  readonly sentAt: Instant;
  /** When its request was sent, as it was. */
  readonly mintedMonoMs: number;
  /** Undefined: never. */
  readonly refreshAfterMs?: number;
  /** `token:expired` has been told. */
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

/** What happens to the loop. */
export type RefreshEvent =
  /** First of all. `generation` is the last ever published, `token` what the snapshot still holds. */
  | {
      readonly kind: 'started';
      readonly policy: RefreshPolicy;
      readonly generation: number;
      readonly token?: AdoptedToken;
      readonly persisted?: PersistedRefresh;
      readonly wanted: number;
      readonly invalidated: number;
      /** Why minting can't begin: the provider's preflight threw. */
      readonly obstacle?: MintFailure;
    }
  /** The attempt's answer, checked. */
  | { readonly kind: 'minted'; readonly attempt: number; readonly lifetime: AnswerLifetime }
  | { readonly kind: 'mint_failed'; readonly attempt: number; readonly failure: MintFailure }
  /** The words in shared memory that any thread raises. */
  | { readonly kind: 'requested'; readonly wanted: number; readonly invalidated: number }
  /** The instant of the last `wake` effect has come. A spurious one is harmless. */
  | { readonly kind: 'woken' }
  /** Wall and monotonic time have parted by `byMs`. */
  | { readonly kind: 'clock_stepped'; readonly byMs: number }
  /** Another credential's token, which this one was minted from, has been replaced. */
  | { readonly kind: 'source_changed' }
  /** `resume()`, or a secret file has changed. */
  | { readonly kind: 'resumed'; readonly by: 'user' | 'secret' }
  /**
   * `update()`: a newer configuration, to be proved by a mint. Answers to the older one no longer count, except in a
   * single-use exchange: no `cancel` comes for that one, and its answer is waited for and published first.
   */
  | { readonly kind: 'reconfigured'; readonly policy: RefreshPolicy; readonly obstacle?: MintFailure };

/** What the loop asks its shell to do, in order. A `persist` is always the first, a `wake` always the last. */
export type RefreshEffect =
  /** Make it durable before anything that follows. */
  | { readonly kind: 'persist'; readonly persisted: PersistedRefresh }
  /**
   * `resumed`: the first attempt after a `resume()` that un-parked, or after a `update()`. `previous`: with the
   * configuration before that one.
   */
  | { readonly kind: 'mint'; readonly attempt: number; readonly resumed: boolean; readonly previous?: true }
  /** The result of this attempt is not wanted any more. */
  | { readonly kind: 'cancel'; readonly attempt: number }
  /** Publish the answer of `attempt` under `generation`. */
  | {
      readonly kind: 'publish';
      readonly attempt: number;
      readonly generation: number;
      readonly times: TokenTimes;
    }
  /**
   * Publish the live token again, under the same generation, with times that follow a stepped clock. Readers that
   * have the token cached must see it too.
   */
  | { readonly kind: 'republish'; readonly times: TokenTimes }
  /** Take the token back: no reader may be given it again. */
  | { readonly kind: 'withdraw' }
  /** Wake the loop then (monotonic, always in the future); it replaces any earlier wake. `undefined`: never. */
  | { readonly kind: 'wake'; readonly atMonoMs: number | undefined }
  | { readonly kind: 'emit'; readonly event: RefreshNotice };

/** What the loop tells the world; the shell adds the child's name. */
export type RefreshNotice =
  | { readonly type: 'mint:started'; readonly attempt: number; readonly previous?: true }
  | {
      readonly type: 'mint:succeeded';
      readonly attempt: number;
      readonly generation: number;
      readonly expiresAtMs: number;
      readonly refreshAtMs: number;
      readonly tookMs: number;
      readonly previous?: true;
    }
  | {
      readonly type: 'mint:failed';
      readonly attempt: number;
      readonly failure: MintFailure;
      readonly consecutive: number;
      /** When the next attempt is due (wall); undefined when parked. */
      readonly nextAttemptAtMs?: number;
      readonly previous?: true;
    }
  | { readonly type: 'token:expired'; readonly generation: number; readonly expiresAtMs: number }
  | { readonly type: 'token:withdrawn'; readonly generation: number }
  | { readonly type: 'child:parked'; readonly why: ParkReason; readonly probeAtMs?: number }
  | { readonly type: 'child:resumed'; readonly by: 'user' | 'secret' | 'token' | 'probe' | 'update' }
  | { readonly type: 'clock:stepped'; readonly byMs: number };

/** What `status()` shows of the loop: written by the actor, read by anyone. Instants are wall time. */
export interface RefreshStatus {
  /**
   * What readers have, first of all: `starting` until there has been a token; `fresh`, `refreshing` and `degraded`
   * (the last attempt failed) while one is live; `expired` once it is expired or withdrawn; `parked` over them all.
   */
  readonly state: 'starting' | 'fresh' | 'refreshing' | 'degraded' | 'expired' | 'parked';
  readonly mints: number;
  readonly refreshes: number;
  readonly attempts: number;
  /** In a row. */
  readonly failures: number;
  /** Of the failures in a row: a success clears it. */
  readonly lastFailure?: TimedFailure;
  readonly refreshAtMs?: number;
  /** Undefined while an attempt is in flight, and when none is planned. */
  readonly nextAttemptAtMs?: number;
  /** An attempt is in flight. */
  readonly exchanging: boolean;
  readonly parked?: { readonly why: ParkReason; readonly probeAtMs?: number };
}
