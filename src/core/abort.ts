/**
 * Waits that end with a caller's AbortSignal. One listener a signal, however many waits share it: a request's signal may
 * guard dozens of them, and Node warns of a leak from the eleventh listener on.
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

/** The error of a wait, a `call` or a `wait`, that its signal ended. */
export const abortError = (what: string, signal: AbortSignal | undefined): TokenvisorError =>
  new TokenvisorError('ABORTED', `The ${what} was aborted by its signal`, { cause: signal?.reason });

/**
 * What a promise comes to; undefined if the signal was aborted first. Not a race with one promise for many waits: that one
 * would hold on to all that it was ever raced with.
 */
export const orAborted = <T>(work: T | PromiseLike<T>, signal: AbortSignal | undefined): Promise<T | undefined> =>
  new Promise((resolve, reject) => {
    const unlisten = listenForAbort(signal, () => resolve(undefined));
    Promise.resolve(work).finally(unlisten).then(resolve, reject);
    if (signal?.aborted) resolve(undefined);
  });

/** Tells a source that no more of it is wanted. Not waited for: it may be in the middle of something that does not end. */
export const letGo = (source: Iterator<unknown> | AsyncIterator<unknown>): void => {
  void (async () => source.return?.())().catch(() => undefined);
};
