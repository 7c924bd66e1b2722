/**
 * One base error with a literal `code`, and one wire form for threads.
 *
 * Match on `code`, never on the class or on the text: an error that has crossed a thread, or that comes from a
 * second copy of the package, has the same code but not the same class.
 */

import { textOf } from './describe.js';

/** Every code that a {@link TokenvisorError} can carry. */
export type TokenvisorErrorCode =
  /** The options are not usable; `problems` lists each with its path. */
  | 'CONFIG_INVALID'
  /** No token has been minted yet, or it was withdrawn and there is no replacement yet. */
  | 'TOKEN_NOT_READY'
  /** The last token has reached its expiry less the margin. */
  | 'TOKEN_EXPIRED'
  /** The child has no live token and does not retry by itself; see `status().parked`. */
  | 'PARKED'
  /** The child, or its supervisor, has been stopped. */
  | 'STOPPED'
  /** A wait reached its `timeoutMs`. */
  | 'TIMEOUT'
  /** The caller's `signal` was aborted. */
  | 'ABORTED'
  /** The actor did not answer a call within its `timeoutMs`. */
  | 'CALL_TIMEOUT'
  /** The actor died while the call was under way. */
  | 'ACTOR_DOWN'
  /** There is no actor to call: it is restarting, parked or stopped. */
  | 'NO_PROC'
  /** More messages wait for the actor than its mailbox may hold. */
  | 'MAILBOX_FULL'
  /** A handler of the actor threw, or answered a call with an error. */
  | 'CALL_FAILED'
  /** A child did not start; `cause` has the reason. */
  | 'START_FAILED'
  /** A child of that name exists. */
  | 'ALREADY_STARTED'
  /** There is no child of that name. */
  | 'NOT_FOUND'
  /** The operation needs a child that is not running. */
  | 'RUNNING'
  /** `restartChild` was called on a child that is between two incarnations. */
  | 'RESTARTING'
  /** A record does not fit into its 64 KiB slot. */
  | 'RECORD_TOO_LARGE'
  /** A successor has taken over: this writer may no longer write. */
  | 'FENCED'
  /** A value can't cross to a thread. */
  | 'NOT_CLONEABLE'
  /** A file that the package needs at run time is missing (most often: a bundler moved the package). */
  | 'FILE_MISSING'
  /** A handle, or the memory behind it, was made by a version of the package with another layout. */
  | 'LAYOUT_MISMATCH'
  /**
   * The refresh-token store can't be read or written: within an actor, the cause of a `store_failed` failure. Or a
   * ledger's store failed in a way that a retry does not fix: a wrong password, a missing table.
   */
  | 'STORE_FAILED'
  /**
   * Another process, or another credential of this one, uses the refresh-token store or a ledger's file; reported as
   * above.
   */
  | 'STORE_LOCKED'
  /** A ledger's store is unreachable, or did not answer within its bound: a write may have been carried out or not. */
  | 'STORE_UNAVAILABLE'
  /** A shared table has no room for the new entries. */
  | 'TABLE_FULL'
  /** A token failed verification: its signature, its form or a claim. */
  | 'TOKEN_REFUSED'
  /** The keys to verify tokens with can't be fetched or read. */
  | 'KEYS_UNAVAILABLE'
  /** The attempt to mint failed; a {@link ProviderError} has more. */
  | 'MINT_FAILED'
  /** A listener or the runtime itself threw unexpectedly. */
  | 'INTERNAL';

/** One problem of a configuration: an item of an error's `problems`. */
export interface ConfigProblem {
  /** The path of the option: `github.provider.clientId`. */
  readonly path: string;
  /** The expected value: `a non-empty string`. */
  readonly expected: string;
  /** The given value, described: `42 (number)`. Never a secret. */
  readonly came: string;
}

export interface TokenvisorErrorOptions extends ErrorOptions {
  /** The child that the error concerns. */
  readonly child?: string;
  /** With `CONFIG_INVALID`. */
  readonly problems?: readonly ConfigProblem[];
}

/**
 * `instanceof` for errors of any copy of this module: an actor's bundle has one copy, a user's module may load another.
 * A user's subclass keeps the usual `instanceof`.
 */
const isBranded = (brand: symbol, ours: boolean, constructor: unknown, value: unknown): boolean => {
  try {
    if (!ours) return Function.prototype[Symbol.hasInstance].call(constructor, value);
    return typeof value === 'object' && value !== null && brand in value;
  } catch {
    // A proxy whose traps throw: any value may be thrown and tested here.
    return false;
  }
};

const errorBrand = Symbol.for('tokenvisor.error');
const providerErrorBrand = Symbol.for('tokenvisor.provider-error');

/**
 * The base class of every error that tokenvisor throws or rejects with. Match on `code`: an error that has crossed a
 * thread, or that comes from a second copy of the package, has the same code, but not the same class. No message holds
 * a token or a secret. `cause` is the underlying error.
 *
 * @example
 * try {
 *   headers.set('authorization', github.current().authorization);
 * } catch (error) {
 *   if ((error as TokenvisorError).code !== 'TOKEN_EXPIRED') throw error;
 *   await github.get({ timeoutMs: 1_000 });
 * }
 */
export class TokenvisorError extends Error {
  static override [Symbol.hasInstance](value: unknown): boolean {
    return isBranded(errorBrand, this === TokenvisorError, this, value);
  }

  /** The code to match on. */
  readonly code: TokenvisorErrorCode;
  // Declared, so that absent properties do not print.
  /** The name of the child that the error concerns, if any. */
  declare readonly child?: string;
  /** With `CONFIG_INVALID` and `NOT_CLONEABLE`: all the problems at once. */
  declare readonly problems?: readonly ConfigProblem[];

  constructor(code: TokenvisorErrorCode, message: string, options: TokenvisorErrorOptions = {}) {
    super(textOf(message), 'cause' in options ? { cause: options.cause } : undefined);
    this.name = 'TokenvisorError';
    this.code = code;
    if (options.child !== undefined) this.child = options.child;
    if (options.problems !== undefined) this.problems = options.problems;
  }

  /** @internal A method, so that it is on the prototype and does not print. */
  [errorBrand](): void {}
}

/**
 * How a failed mint is treated.
 *
 * - `transient`: retried with back-off, for ever.
 * - `fatal`: it lasts until a person acts (`invalid_client`, a certificate, an unreadable secret): parked, probed slowly.
 * - `ambiguous`: a single-use refresh token may have been spent: parked, and retried only on request.
 */
export type FailureClass = 'transient' | 'fatal' | 'ambiguous';

/** The kind of failure: a literal to match on, as `error` of RFC 6749 §5.2 is for the server's errors. */
export type FailureReason =
  /** The server answered with an OAuth error (RFC 6749 §5.2); `oauthError` has it, if it is a known one. */
  | 'oauth_error'
  /** The server answered with an error status and no OAuth error; `status` has it. */
  | 'http_status'
  /** No connection: refused, unreachable, name not found. Nothing was sent. */
  | 'connect_failed'
  /** The connection ended after the request may have been sent. */
  | 'connection_lost'
  /** No complete answer within the attempt's bound. */
  | 'timed_out'
  /** TLS could not be negotiated: a wrong, expired or unknown certificate. */
  | 'tls_failed'
  /** The answer could not be understood. */
  | 'malformed_answer'
  /** The answer was an expired token. */
  | 'expired_answer'
  /** A secret could not be read. */
  | 'secret_unreadable'
  /** The token of another credential, from which this one is minted, is not available. */
  | 'token_unavailable'
  /** The refresh-token store could not be read or written, or is locked. */
  | 'store_failed'
  /** A single-use refresh token may have been spent and the answer is lost. */
  | 'exchange_interrupted'
  /** The provider module threw, or returned a value that is not a token. */
  | 'provider_threw';

/** A failed mint as it is stored, shown and sent: without secrets and without text from the server. */
export interface MintFailure {
  /** How it is treated. */
  readonly class: FailureClass;
  /** The kind of failure. */
  readonly reason: FailureReason;
  /** A description, written by tokenvisor and not by the server. */
  readonly message: string;
  /** The `error` member of the server's answer, if it is a known one; any other text is dropped. */
  readonly oauthError?: string;
  /** The HTTP status of the server's answer. */
  readonly status?: number;
  /** The server's Retry-After, or the provider's: milliseconds, at least 0. */
  readonly retryAfterMs?: number;
}

/** @inline */
export interface ProviderErrorOptions extends ErrorOptions {
  /** @default 'transient' */
  readonly class?: FailureClass;
  /** @default 'provider_threw' */
  readonly reason?: FailureReason;
  readonly oauthError?: string;
  readonly status?: number;
  readonly retryAfterMs?: number;
}

/**
 * Thrown by a provider to say how its failure is treated; also the `cause` of a wait that timed out. Its `code` is
 * `MINT_FAILED`. Any other error that a provider throws counts as `transient`.
 *
 * @example
 * throw ProviderError.transient('the vault is sealed', { retryAfterMs: 5_000 });
 * throw ProviderError.fatal('no such account');
 */
export class ProviderError extends TokenvisorError {
  static override [Symbol.hasInstance](value: unknown): boolean {
    return isBranded(providerErrorBrand, this === ProviderError, this, value);
  }

  /** How it is treated. */
  readonly class: FailureClass;
  /** The kind of failure. */
  readonly reason: FailureReason;
  /** The `error` of the server's answer (RFC 6749 §5.2), if it is a known one. */
  declare readonly oauthError?: string;
  /** The HTTP status of the server's answer, if there was one. */
  declare readonly status?: number;
  /** The least delay before a retry: ms from now, at least 0. The server's Retry-After, or the provider's. */
  declare readonly retryAfterMs?: number;

  /**
   * A failure of any class.
   *
   * @param options `class` is `transient` by default, `reason` is `provider_threw`; `cause` as of any Error.
   */
  constructor(message: string, options: ProviderErrorOptions = {}) {
    super('MINT_FAILED', message, options);
    this.name = 'ProviderError';
    this.class = options.class ?? 'transient';
    this.reason = options.reason ?? 'provider_threw';
    if (options.oauthError !== undefined) this.oauthError = options.oauthError;
    if (options.status !== undefined) this.status = options.status;
    if (options.retryAfterMs !== undefined) this.retryAfterMs = options.retryAfterMs;
  }

  /** @internal */
  [providerErrorBrand](): void {}

  /** A failure that goes away by itself: retried, not before `retryAfterMs` if it is given. */
  static transient(message: string, options: Omit<ProviderErrorOptions, 'class'> = {}): ProviderError {
    return new ProviderError(message, { ...readable(options), class: 'transient' });
  }

  /** A failure that stays until a person acts: the credential is parked. */
  static fatal(message: string, options: Omit<ProviderErrorOptions, 'class'> = {}): ProviderError {
    return new ProviderError(message, { ...readable(options), class: 'fatal' });
  }
}

/** Drops the options that can't be read, rather than throw a second error. */
const readable = (options: ProviderErrorOptions): ProviderErrorOptions => {
  try {
    return { ...options };
  } catch {
    return {};
  }
};

/** Turns a recorded failure back into an error. */
export const mintError = ({ message, ...details }: MintFailure): ProviderError => new ProviderError(message, details);
