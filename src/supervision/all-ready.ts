/**
 * The wait of `ready()`: until every child can serve.
 */
import { TokenvisorError } from '../errors.js';
import { Doorbell } from '../memory/doorbell.js';
import type { HeldChild } from './child-table.js';

/**
 * Resolves when all are ready. Holds the process open.
 *
 * @throws TIMEOUT naming those that are not, ABORTED, and as soon as there is one what makes waiting hopeless.
 */
export const allReady = async (
  children: readonly HeldChild[],
  timeoutMs: number,
  signal: AbortSignal | undefined,
): Promise<void> => {
  const over = new AbortController();
  const either = signal ? AbortSignal.any([signal, over.signal]) : over.signal;
  const waits = children.map(({ handle }) => {
    const { words, index } = handle.doorbell();
    return new Doorbell(words, index).wait(() => handle.isReady() || undefined, {
      timeoutMs,
      signal: either,
      onTimeout: () => notReady(timeoutMs, children),
    });
  });
  try {
    await Promise.all(waits);
  } finally {
    // The others would hold the process open for a wait that nobody waits for.
    over.abort();
    await Promise.allSettled(waits);
  }
};

const notReady = (timeoutMs: number, children: readonly HeldChild[]): TokenvisorError => {
  const waiting = children
    .filter((child) => !isReady(child))
    .map(({ door, handle }) => ({ child: door.name, cause: handle.failure?.() }));
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
