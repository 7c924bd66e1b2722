/**
 * The wait of `ready()`: until every child can serve.
 */
import { checkWaitOptions } from '../../config/check-timeout.js';
import { TokenvisorError } from '../../core/errors.js';
import { ConditionVariable } from '../../memory/condition.js';
import type { HeldChild } from './child-table.js';

/** Options of `ready()`. */
export interface ReadyOptions {
  /**
   * How long to wait: ms, 0 to 2^31 - 1; then the wait rejects with TIMEOUT.
   * @default 30_000
   */
  readonly timeoutMs?: number;
  /** Ends the wait; it rejects with ABORTED. */
  readonly signal?: AbortSignal;
}

/**
 * Resolves when all are ready. Holds the process open.
 *
 * @throws TIMEOUT naming those that are not, ABORTED, CONFIG_INVALID, and the first error that makes waiting hopeless.
 */
export const allReady = async (children: readonly HeldChild[], options: ReadyOptions): Promise<void> => {
  checkWaitOptions(options);
  const { timeoutMs = 30_000, signal } = options;
  const over = new AbortController();
  const either = signal ? AbortSignal.any([signal, over.signal]) : over.signal;
  const waits = children.map(({ handle }) => {
    const { words, index } = handle.changeWord();
    return new ConditionVariable(words, index).wait(() => handle.isReady() || undefined, {
      timeoutMs,
      lived: true,
      signal: either,
      onTimeout: () => notReady(timeoutMs, children),
    });
  });
  try {
    await Promise.all(waits);
  } finally {
    // Otherwise the remaining waits would hold the process open.
    over.abort();
    await Promise.allSettled(waits);
  }
};

const notReady = (timeoutMs: number, children: readonly HeldChild[]): TokenvisorError => {
  const waiting = children
    .filter((child) => !isReady(child))
    .map(({ ref, handle }) => ({ child: ref.name, cause: handle.failure?.() }));
  const names = waiting.map(({ child }) => `'${child}'`).join(', ');
  const failed = waiting.find(({ cause }) => cause !== undefined);
  const why = failed?.cause ? `. '${failed.child}': ${failed.cause.message}` : '; see status() of each';
  return new TokenvisorError('TIMEOUT', `Not ready within ${timeoutMs} ms: ${names} can't serve yet${why}`, {
    ...(waiting[0] && { child: (failed ?? waiting[0]).child }),
    ...(failed && { cause: failed.cause }),
  });
};

const isReady = ({ handle }: HeldChild): boolean => {
  try {
    return handle.isReady();
  } catch {
    return false;
  }
};
