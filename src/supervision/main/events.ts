/**
 * The one event map: everything that a supervisor tells, and the emitter that it tells it by.
 */
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
 * Those marked (failure) cause one process warning if they happen and nobody listens, to them or to `event`.
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
  /** (failure) An attempt failed. `nextAttemptAtMs` is undefined if the credential is parked by it. */
  'mint:failed': OfChild & {
    readonly attempt: number;
    readonly failure: MintFailure;
    readonly consecutive: number;
    readonly nextAttemptAtMs?: number;
  } & WithPrevious;
  /** (failure) A token reached the end of its life with no successor. Once per token. */
  'token:expired': OfChild & { readonly generation: number; readonly expiresAtMs: number };
  /** A token was taken back, because it was invalidated. */
  'token:withdrawn': OfChild & { readonly generation: number };
  /** A child's first incarnation runs. */
  'child:started': OfChild & { readonly incarnation: number };
  /** A thread ended, for whatever reason. */
  'child:exited': OfChild & { readonly incarnation: number; readonly reason: ExitReason };
  /** The next incarnation will be started in `inMs`. */
  'child:restarting': OfChild & { readonly incarnation: number; readonly inMs: number };
  /** A later incarnation runs. */
  'child:restarted': OfChild & { readonly incarnation: number };
  /**
   * (failure) The child tries no more by itself, or only after a long wait: at `probeAtMs`, undefined for never; for its
   * restarts also as a span, `retryInMs`.
   */
  'child:parked': OfChild & {
    readonly why: 'fatal_answer' | 'ambiguous_exchange' | 'restart_intensity';
    // When it is tried again by itself; undefined for never.
    readonly probeAtMs?: number;
    // Restart intensity: the same as a span.
    readonly retryInMs?: number;
  };
  /** A parked child is tried again: `by` says for what. */
  'child:resumed': OfChild & { readonly by: 'user' | 'secret' | 'token' | 'probe' | 'update' };
  /** (failure) A thread was killed and does not exit. */
  'child:zombie': OfChild & { readonly incarnation: number };
  /** The child has been stopped, and nothing will start it by itself. */
  'child:stopped': OfChild;
  /** The wall clock was stepped by `byMs`. */
  'clock:stepped': OfChild & { readonly byMs: number };
  /** (failure) A cast could not be delivered. */
  'cast:failed': OfChild & { readonly code: TokenvisorErrorCode };
  /**
   * (failure) A write of a token set failed, whether somebody waits for it or not: `operation` is the name of the method,
   * and with `expungeExpired` perhaps the actor's own.
   */
  'write:failed': OfChild & {
    readonly operation: 'insert' | 'destroy' | 'insertMany' | 'destroyMany' | 'clear' | 'expungeExpired';
    readonly code: TokenvisorErrorCode;
  };
  /** What had expired was taken out of a table: how many entries that were, and how many are left. */
  'table:expunged': OfChild & { readonly removed: number; readonly size: number };
  /**
   * A break-glass token was made; `replaced`: there was one before. Instants in ms since the Unix epoch; without an
   * `expiresAtMs` it is good for ever.
   */
  'break-glass:built': OfChild & {
    readonly insertedAtMs: number;
    readonly expiresAtMs?: number;
    readonly replaced: boolean;
  };
  /** The break-glass token was deleted, by one who had it. */
  'break-glass:deleted': OfChild & { readonly insertedAtMs: number };
  /** The break-glass token was cleared, if there was one. */
  'break-glass:cleared': OfChild;
  /** The break-glass token is past its `maxAgeMs`. */
  'break-glass:expired': OfChild & { readonly insertedAtMs: number };
  /** Somebody looked up a break-glass token: so many have found it, and so many not, since this was told last. */
  'break-glass:looked-up': OfChild & { readonly matches: number; readonly misses: number };
  /**
   * A token is revoked, by this process, or by another one and this one has heard of it: a moment to cut what was opened with
   * it. What is revoked at the first start is not told.
   */
  'ledger:revoked': OfChild & { readonly jti: string; readonly subject?: string; readonly purpose?: string };
  /** All tokens of a subject that were issued before an instant are revoked, in the same way. */
  'ledger:subject-revoked': OfChild & { readonly subject: string; readonly issuedBeforeMs: number };
  /** A ledger knows what is revoked: `size` is how many tokens and cutoffs readers find. */
  'ledger:opened': OfChild & { readonly size: number };
  /** (failure) A ledger does not know any more what is revoked, or could not be loaded: it answers that all tokens are. */
  'ledger:closed': OfChild & { readonly error?: WireError };
  /** (failure) The store of a ledger failed: once for each time that it does, however often it is tried meanwhile. */
  'ledger:store-failed': OfChild & {
    readonly during: 'open' | 'load' | 'look' | 'recheck' | 'expunge';
    readonly error: WireError;
  };
  /** Readers were answered 'revoked' for so many malformed tokens, and so often as the ledger was closed. Once a second. */
  'ledger:refused': OfChild & { readonly malformed: number; readonly closed: number };
  /** OTP's supervisor report: one for every exit that OTP would report. */
  'supervisor:report': Base & SupervisorReport;
  /** (failure) The supervisor thread died; `restartInMs` until the next one is started. */
  'supervisor:exited': Base & { readonly error?: WireError; readonly restartInMs: number };
  /** A new supervisor thread has adopted the children. */
  'supervisor:restarted': Base;
  /** (failure for any reason but `closed`) The supervisor has stopped all its children and is done. */
  'supervisor:ended': Base & { readonly reason: 'closed' | 'restart_intensity' | 'start_failed' };
  /** (failure) A listener threw or rejected, or the runtime met something that should not be. */
  error: Base & { readonly error: Error; readonly during: string };
}

/** The name of an event. */
export type TokenvisorEventName = keyof TokenvisorEvents;

/** Any event, with its name as `type`: what a listener of `event` gets, and what a kind of one's own may emit. */
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

/** The event surface: eventemitter3, with listeners that can't harm one another or us. */
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

  /** Calls every listener. Nothing that a listener does is thrown here. */
  emit(type: string, details: Readonly<Record<string, unknown>>): void {
    const event: Readonly<Record<string, unknown>> = { atMs: Date.now(), ...details };
    if (this.#held) this.#held.push(() => this.#deliver(type, event));
    else this.#deliver(type, event);
  }

  /** Keeps what is emitted from now on, for listeners that are still to come. */
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
    // `event` is no event, but a kind of one's own may emit what it likes.
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
        // A promise, or anything with a then: what it rejects with is caught, and nothing waits for it.
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
    // A listener of `error` that throws has nobody left to tell but the process.
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
      `A '${type}' event${who} was not listened to${what}. Listen to it, or to 'event' for all (logEvents does). ` +
        'This warning is given once',
      { code: 'TOKENVISOR_UNHEARD', type: 'TokenvisorWarning' },
    );
  }
}

/** A failure, or an error as it crosses threads. */
const hasMessage = (value: unknown): value is { readonly message: string } =>
  typeof value === 'object' && value !== null && typeof (value as { readonly message?: unknown }).message === 'string';

/** JSON of what may have no JSON: a kind of one's own may emit what it likes. */
const jsonOf = (value: unknown): string => {
  try {
    // In a list, because there what has no JSON is null.
    return JSON.stringify([value]).slice(1, -1);
  } catch {
    return JSON.stringify(textOf(value));
  }
};

const WORD = /^[^\s"=\p{C}]+$/u;

/** A value in a line: quoted unless it is one word, so that no text can begin another line or another pair. */
const shown = (value: unknown): string => {
  const plain = isError(value) ? `${value.name}: ${value.message}` : value;
  if (typeof plain === 'number') return String(plain);
  if (typeof plain === 'string' && WORD.test(plain)) return plain;
  return jsonOf(plain).replaceAll(/[\p{C}\p{Zl}\p{Zp}]/gu, (character) => {
    return `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`;
  });
};

/**
 * Writes every event of a supervisor as one line: time, event, then `key=value`. No secret is in any.
 *
 * @param source the supervisor.
 * @param write called with each line, without a line break; by default to stderr, synchronously.
 * @returns a function that stops it.
 * @throws CONFIG_INVALID for what is no supervisor, or no function
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
