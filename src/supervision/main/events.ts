/** The emitter of a supervisor's events. */
import { EventEmitter } from 'eventemitter3';
import { describeKind, propertyOf, textOf } from '../../core/describe.js';
import { TokenvisorError } from '../../core/errors.js';
import { isError } from '../../core/realm.js';
import type { AnyTokenvisorEvent, TokenvisorEventName, TokenvisorEvents } from '../core/event-map.js';
import { withChanges } from '../../core/with-changes.js';

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
