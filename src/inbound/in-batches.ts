/** Many of something, a batch at a time. */
import { letGo, orAborted } from '../abort.js';

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
    const isAsync = Symbol.asyncIterator in source;
    const iterator = isAsync ? source[Symbol.asyncIterator]() : source[Symbol.iterator]();
    const isAborted = (): boolean => signal?.aborted === true;
    let isOver = false;
    let batch: T[] = [];
    try {
      while (!isAborted()) {
        const next = iterator.next();
        // What an async source gives may be a promise of another realm, or of somebody's own making.
        const result = isAsync ? await orAborted(next, signal) : (next as IteratorResult<T>);
        if (isAborted()) return;
        isOver = result!.done === true;
        if (isOver) break;
        batch.push(result!.value as T);
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
      if (!isOver) letGo(iterator);
    }
  },
});
