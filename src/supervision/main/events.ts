/** The event map of a supervisor, and the emitter. */
import { EventEmitter } from 'eventemitter3';
import type { WireError } from '../../core/wire-error.js';
import { describeKind, propertyOf, textOf } from '../../core/describe.js';
import { TokenvisorError, type MintFailure, type TokenvisorErrorCode } from '../../core/errors.js';
import { isError } from '../../core/realm.js';
import type { ExitReason, SupervisorReport } from '../core/types.js';
import { withChanges } from '../../core/with-changes.js';

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

type Listener<Name extends TokenvisorEventName | 'event'> = (
  event: Name extends TokenvisorEventName ? TokenvisorEvents[Name] : AnyTokenvisorEvent,
) => unknown;

const FAILURES: ReadonlySet<string> = new Set<TokenvisorEventName>([
  'mint:failed',
  'token:expired',
  'child:parked',
  'child:zombie',
  'cast:failed',
  'write:failed',
  'ledger:closed',
  'ledger:store-failed',
  'supervisor:exited',
  'error',
]);

/** The emitter: eventemitter3, with listeners isolated from one another and from the supervisor. */
export class Events {
  readonly #emitter = new EventEmitter();
  readonly #wrapped = new WeakMap<object, Map<string, (event: unknown) => void>>();
  #warned = false;
  #held: (() => void)[] | undefined;

  on<Name extends TokenvisorEventName | 'event'>(name: Name, listener: Listener<Name>): void {
    this.#emitter.on(name, this.#wrap(name, listener as (event: unknown) => unknown));
  }

  once<Name extends TokenvisorEventName | 'event'>(name: Name, listener: Listener<Name>): void {
    const wrapped = this.#wrap(name, listener as (event: unknown) => unknown);
    this.#emitter.once(name, wrapped);
  }

  off<Name extends TokenvisorEventName | 'event'>(name: Name, listener: Listener<Name>): void {
    const wrapped = this.#wrapped.get(listener)?.get(name);
    if (wrapped) this.#emitter.off(name, wrapped);
  }

  /** Calls every listener. An error of a listener is not thrown here. */
  emit(type: string, details: Readonly<Record<string, unknown>>): void {
    const event: Readonly<Record<string, unknown>> = { atMs: Date.now(), ...details };
    if (this.#held) this.#held.push(() => this.#deliver(type, event));
    else this.#deliver(type, event);
  }

  /** Keeps emitted events from now on, for listeners that are still to be added. */
  hold(): void {
    this.#held ??= [];
  }

  /** Delivers what was kept, in order. */
  release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const deliver of held) deliver();
  }

  #deliver(type: string, event: Readonly<Record<string, unknown>>): void {
    // `event` is not an event, but a custom kind may emit any name.
    const heard = type !== 'event' && this.#emitter.emit(type, event);
    const heardAtAll = this.#emitter.emit('event', withChanges(event, { type }));
    if (!heard && !heardAtAll) this.#warnOnce(type, event);
  }

  #wrap(name: string, listener: (event: unknown) => unknown): (event: unknown) => void {
    if (typeof name !== 'string') {
      throw new TokenvisorError('CONFIG_INVALID', `Expected the name of an event, got ${describeKind(name)}`);
    }
    if (typeof listener !== 'function') {
      const message = `Expected a listener of '${name.slice(0, 64)}' to be a function, got ${typeof listener}`;
      throw new TokenvisorError('CONFIG_INVALID', message);
    }
    const byName = this.#wrapped.get(listener) ?? new Map<string, (event: unknown) => void>();
    this.#wrapped.set(listener, byName);
    const existing = byName.get(name);
    if (existing) return existing;
    const wrapped = (event: unknown): void => {
      try {
        // A promise or any thenable: its rejection is caught, and it is not awaited.
        Promise.resolve(listener(event)).catch((error: unknown) => this.#listenerFailed(name, error));
      } catch (error) {
        this.#listenerFailed(name, error);
      }
    };
    byName.set(name, wrapped);
    return wrapped;
  }

  #listenerFailed(name: string, thrown: unknown): void {
    const error = isError(thrown) ? thrown : new Error(textOf(thrown));
    // The error of a listener of `error` can only go to the process.
    if (name === 'error' || name === 'event') process.emitWarning(error);
    else this.emit('error', { error, during: `a listener of '${name}'` });
  }

  #warnOnce(type: string, event: Readonly<Record<string, unknown>>): void {
    const failed = FAILURES.has(type) || (type === 'supervisor:ended' && event.reason !== 'closed');
    if (!failed || this.#warned) return;
    this.#warned = true;
    const who = typeof event.name === 'string' ? ` of '${event.name}'` : '';
    const why = [event.failure, event.error].find(hasMessage)?.message ?? event.code;
    const what = typeof why === 'string' ? ` (${why})` : '';
    process.emitWarning(
      `A '${type}' event${who} has no listener${what}. Listen to it, or to 'event' for all (logEvents does). ` +
        'This warning is given once',
      { code: 'TOKENVISOR_UNHEARD', type: 'TokenvisorWarning' },
    );
  }
}

/** True for a failure, or an error as it crosses threads. */
const hasMessage = (value: unknown): value is { readonly message: string } =>
  typeof value === 'object' && value !== null && typeof (value as { readonly message?: unknown }).message === 'string';

/** JSON of any value, also of one without JSON: a custom kind may emit anything. */
const jsonOf = (value: unknown): string => {
  try {
    // In a list, where a value without JSON becomes null.
    return JSON.stringify([value]).slice(1, -1);
  } catch {
    return JSON.stringify(textOf(value));
  }
};

const WORD = /^[^\s"=\p{C}]+$/u;

/** A value in a line: quoted unless it is one word, so that a text can't start another line or pair. */
const shown = (value: unknown): string => {
  const plain = isError(value) ? `${value.name}: ${value.message}` : value;
  if (typeof plain === 'number') return String(plain);
  if (typeof plain === 'string' && WORD.test(plain)) return plain;
  return jsonOf(plain).replaceAll(/[\p{C}\p{Zl}\p{Zp}]/gu, (character) => {
    return `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`;
  });
};

/**
 * Writes every event of a supervisor as one line: time, event, then `key=value`. No line has a secret.
 *
 * @param source the supervisor.
 * @param write called with each line, without a line break; by default to stderr, synchronously.
 * @returns a function that stops it.
 * @throws CONFIG_INVALID if `source` is not a supervisor, or `write` not a function
 * @example
 * const stop = logEvents(supervisor, (line) => logger.info(line));
 */
export const logEvents = (
  source: {
    on(name: 'event', listener: (event: AnyTokenvisorEvent) => void): unknown;
    off(name: 'event', listener: (event: AnyTokenvisorEvent) => void): unknown;
  },
  write: (line: string) => void = (line) => void process.stderr.write(`${line}\n`),
): (() => void) => {
  const listener = ({ type, atMs, ...details }: AnyTokenvisorEvent): void => {
    const pairs = Object.entries(details).map(([key, value]) => `${shown(key)}=${shown(value)}`);
    write([new Date(atMs).toISOString(), shown(type), ...pairs].join(' '));
  };
  if (typeof propertyOf(source, 'on') !== 'function' || typeof write !== 'function') {
    const came = `${describeKind(source)} and ${describeKind(write)}`;
    throw new TokenvisorError('CONFIG_INVALID', `Expected a supervisor, and a function that writes, got ${came}`);
  }
  source.on('event', listener);
  return () => void source.off('event', listener);
};
