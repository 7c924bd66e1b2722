/** Every event of a supervisor and its children. */
import type { MintFailure, TokenvisorErrorCode } from '../../core/errors.js';
import type { WireError } from '../../core/wire-error.js';
import type { ExitReason, SupervisorReport } from './terms.js';

/** @inline */
interface Base {
  /** When it happened: ms since the Unix epoch. */
  readonly atMs: number;
}

/** @inline */
interface OfChild extends Base {
  /** The child's name. */
  readonly name: string;
}

/** Of a mint: `previous` if it was made with the secret before the last `update()`, in its overlap. @inline */
interface WithPrevious {
  readonly previous?: true;
}

/**
 * Every event, by name, with what its listeners are given. No event carries a token or a secret. `atMs` is when it
 * happened, and every other instant is in ms since the Unix epoch as well; `name` is the child's. `previous` is said of
 * a mint that was made with the secret before the last `update()`, in its overlap.
 *
 * Those marked (failure) cause one process warning if they happen without a listener for them or for `event`.
 */
export interface TokenvisorEvents {
  /** A request to the token endpoint (or a call of the provider) begins. `attempt` counts from 1 per credential. */
  'mint:started': OfChild & { readonly attempt: number } & WithPrevious;
  /** A new token is published. Instants in ms since the Unix epoch; `Infinity` is never. */
  'mint:succeeded': OfChild & {
    readonly attempt: number;
    readonly generation: number;
    readonly expiresAtMs: number;
    readonly refreshAtMs: number;
    readonly tookMs: number;
  } & WithPrevious;
  /** (failure) An attempt failed. `nextAttemptAtMs` is undefined if the credential was parked because of it. */
  'mint:failed': OfChild & {
    readonly attempt: number;
    readonly failure: MintFailure;
    readonly consecutive: number;
    readonly nextAttemptAtMs?: number;
  } & WithPrevious;
  /** (failure) A token expired before its successor was minted. Once per token. */
  'token:expired': OfChild & { readonly generation: number; readonly expiresAtMs: number };
  /** A token was withdrawn, because it was invalidated. */
  'token:withdrawn': OfChild & { readonly generation: number };
  /** A child's first incarnation runs. */
  'child:started': OfChild & { readonly incarnation: number };
  /** A thread ended, for any reason. */
  'child:exited': OfChild & { readonly incarnation: number; readonly reason: ExitReason };
  /** The next incarnation will be started in `inMs`. */
  'child:restarting': OfChild & { readonly incarnation: number; readonly inMs: number };
  /** A later incarnation runs. */
  'child:restarted': OfChild & { readonly incarnation: number };
  /**
   * (failure) The child does not retry by itself, or only after a long wait: at `probeAtMs`, undefined for never; for
   * its restarts also as a duration, `retryInMs`.
   */
  'child:parked': OfChild & {
    readonly why: 'fatal_answer' | 'ambiguous_exchange' | 'restart_intensity';
    // When it retries by itself; undefined for never.
    readonly probeAtMs?: number;
    // Restart intensity: the same as a duration.
    readonly retryInMs?: number;
  };
  /** A parked child is tried again: `by` says for what. */
  'child:resumed': OfChild & { readonly by: 'user' | 'secret' | 'token' | 'probe' | 'update' };
  /** (failure) A thread was killed and does not exit. */
  'child:zombie': OfChild & { readonly incarnation: number };
  /** The child has been stopped, and will not start by itself. */
  'child:stopped': OfChild;
  /** The wall clock was stepped by `byMs`. */
  'clock:stepped': OfChild & { readonly byMs: number };
  /** (failure) A cast could not be delivered. */
  'cast:failed': OfChild & { readonly code: TokenvisorErrorCode };
  /**
   * (failure) A write to a token set failed, whether a caller waits for it or not: `operation` is the name of the
   * method; `expungeExpired` may also be the actor's own.
   */
  'write:failed': OfChild & {
    readonly operation: 'insert' | 'destroy' | 'insertMany' | 'destroyMany' | 'clear' | 'expungeExpired';
    readonly code: TokenvisorErrorCode;
  };
  /** Expired entries were removed from a table: how many, and how many are left. */
  'table:expunged': OfChild & { readonly removed: number; readonly size: number };
  /**
   * A break-glass token was made; `replaced`: it replaced another one. Instants in ms since the Unix epoch; without an
   * `expiresAtMs` it is valid for ever.
   */
  'break-glass:built': OfChild & {
    readonly insertedAtMs: number;
    readonly expiresAtMs?: number;
    readonly replaced: boolean;
  };
  /** The break-glass token was deleted, by a caller that had it. */
  'break-glass:deleted': OfChild & { readonly insertedAtMs: number };
  /** The break-glass token was cleared, if there was one. */
  'break-glass:cleared': OfChild;
  /** The break-glass token is past its `maxAgeMs`. */
  'break-glass:expired': OfChild & { readonly insertedAtMs: number };
  /** Lookups of a break-glass token: how many matched and how many did not, since the last such event. */
  'break-glass:looked-up': OfChild & { readonly matches: number; readonly misses: number };
  /**
   * A token was revoked, by this process, or by another one and this one has learned of it: the moment to close what
   * was opened with it. Not emitted for tokens that were revoked before the first start.
   */
  'ledger:revoked': OfChild & { readonly jti: string; readonly subject?: string; readonly purpose?: string };
  /** All tokens of a subject that were issued before an instant are revoked, in the same way. */
  'ledger:subject-revoked': OfChild & { readonly subject: string; readonly issuedBeforeMs: number };
  /** A ledger has loaded its revocations: `size` is how many tokens and cutoffs readers find. */
  'ledger:opened': OfChild & { readonly size: number };
  /**
   * (failure) A ledger no longer knows the current revocations, or could not load them: it answers that all tokens are
   * revoked.
   */
  'ledger:closed': OfChild & { readonly error?: WireError };
  /** (failure) The store of a ledger failed: once for each outage, however often it is retried meanwhile. */
  'ledger:store-failed': OfChild & {
    readonly during: 'open' | 'load' | 'look' | 'recheck' | 'expunge';
    readonly error: WireError;
  };
  /**
   * Lookups that were answered 'revoked' because the token was malformed, or because the ledger was closed. Once a
   * second.
   */
  'ledger:refused': OfChild & { readonly malformed: number; readonly closed: number };
  /** OTP's supervisor report: one for every exit that OTP would report. */
  'supervisor:report': Base & SupervisorReport;
  /** (failure) The supervisor thread died; the next one is started in `restartInMs`. */
  'supervisor:exited': Base & { readonly error?: WireError; readonly restartInMs: number };
  /** A new supervisor thread has adopted the children. */
  'supervisor:restarted': Base;
  /** (failure for any reason but `closed`) The supervisor has stopped all its children and has ended. */
  'supervisor:ended': Base & { readonly reason: 'closed' | 'restart_intensity' | 'start_failed' };
  /** (failure) A listener threw or rejected, or the runtime met an unexpected condition. */
  error: Base & { readonly error: Error; readonly during: string };
}

/** The name of an event. */
export type TokenvisorEventName = keyof TokenvisorEvents;

/** Any event, with its name as `type`: a listener of `event` gets it, and a custom kind may emit it. */
export type AnyTokenvisorEvent = {
  [Name in TokenvisorEventName]: { readonly type: Name } & TokenvisorEvents[Name];
}[TokenvisorEventName];

/** An event as the code that causes it gives it: with its name, and before it has its time. */
export type NoticeOf<Name extends TokenvisorEventName> = {
  [Each in Name]: { readonly type: Each } & Omit<TokenvisorEvents[Each], 'atMs'>;
}[Name];
