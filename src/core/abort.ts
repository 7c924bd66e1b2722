/**
 * Waits that a caller's AbortSignal ends. Any number of waits share one listener per signal: one signal may guard
 * dozens of them, and Node warns of a leak from the eleventh listener on.
 */
import { TokenvisorError } from './errors.js';
import { UnderWay } from './under-way.js';

const watched = new WeakMap<AbortSignal, UnderWay<() => void>>();

/** Calls `onAbort` once when the signal is aborted, until the function that it returns is called. */
export const listenForAbort = (signal: AbortSignal | undefined, onAbort: () => void): (() => void) => {
  if (!signal) return () => undefined;
  const listeners = watched.get(signal) ?? watch(signal);
  const entry = listeners.add(onAbort);
  return () => void listeners.remove(entry);
};

const watch = (signal: AbortSignal): UnderWay<() => void> => {
  const listeners = new UnderWay<() => void>();
  watched.set(signal, listeners);
  const abort = (): void => {
    for (const listener of listeners.removeAll()) listener();
  };
  signal.addEventListener('abort', abort, { once: true });
  return listeners;
};

/** The error of a wait (a `call` or a `wait`) that its signal ended. */
export const abortError = (what: string, signal: AbortSignal | undefined): TokenvisorError =>
  new TokenvisorError('ABORTED', `The ${what} was aborted by its signal`, { cause: signal?.reason });

/**
 * Resolves with the result of `work`, or with undefined if the signal is aborted first. Not `Promise.race` with one
 * promise shared by many waits: that promise would retain all the others.
 */
export const orAborted = <T>(work: T | PromiseLike<T>, signal: AbortSignal | undefined): Promise<T | undefined> =>
  new Promise((resolve, reject) => {
    const unlisten = listenForAbort(signal, () => resolve(undefined));
    Promise.resolve(work).finally(unlisten).then(resolve, reject);
    if (signal?.aborted) resolve(undefined);
  });

/** Closes a source early. Not awaited: the source may be in the middle of a step that never ends. */
export const letGo = (source: Iterator<unknown> | AsyncIterator<unknown>): void => {
  void (async () => source.return?.())().catch(() => undefined);
};
