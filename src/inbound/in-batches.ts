/** Many of something, a batch at a time. */
import { listenForAbort } from '../abort.js';

/** What the other side of a race with a silent source says. */
const ABORTED = Symbol('aborted');

/**
 * Lists of `size`, the last one shorter. It ends early when the signal is aborted, also while the source is silent: the
 * source is told, and not waited for.
 */
export const inBatches = <T>(
  source: Iterable<T> | AsyncIterable<T>,
  size: number,
  signal: AbortSignal | undefined,
): AsyncIterable<readonly T[]> => ({
  async *[Symbol.asyncIterator]() {
    const iterator = Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]();
    let tellAborted = (): void => undefined;
    const aborted = new Promise<typeof ABORTED>((resolve) => (tellAborted = () => resolve(ABORTED)));
    const unlisten = listenForAbort(signal, tellAborted);
    let isOver = false;
    let batch: T[] = [];
    try {
      while (signal?.aborted !== true) {
        const next = iterator.next();
        const result = next instanceof Promise ? await Promise.race([next, aborted]) : next;
        if (result === ABORTED) return;
        isOver = result.done === true;
        if (result.done === true) break;
        batch.push(result.value);
        if (batch.length < size) continue;
        yield batch;
        batch = [];
      }
      if (isOver && batch.length > 0) yield batch;
    } catch (error) {
      // A source that has thrown is over.
      isOver = true;
      throw error;
    } finally {
      unlisten();
      // Not waited for: a generator that is in the middle of something answers when that is done.
      if (!isOver) void Promise.resolve(iterator.return?.()).catch(() => undefined);
    }
  },
});
