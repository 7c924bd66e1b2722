/** Splits a source of many items into batches. */
import { letGo, orAborted } from '../../core/abort.js';
import { describeKind, propertyOf } from '../../core/describe.js';
import { TokenvisorError } from '../../core/errors.js';

const EXPECTED = 'Expected tokens to be an iterable or an async iterable of them, got';

/** True for a source of items. A string is not one: it is iterable by its characters, but it is a single token. */
const isSource = (value: unknown): boolean =>
  ((typeof value === 'object' && value !== null) || typeof value === 'function') &&
  [Symbol.iterator, Symbol.asyncIterator].some((key) => typeof propertyOf(value, key) === 'function');

/** @throws CONFIG_INVALID unless it is a source of items. */
export const checkSource = (value: unknown, child: string): void => {
  if (!isSource(value)) throw new TokenvisorError('CONFIG_INVALID', `${EXPECTED} ${describeKind(value)}`, { child });
};

/** The iterator of a source. @throws CONFIG_INVALID if it does not return one. */
export const iteratorOf = <T>(source: Iterable<T>): Iterator<T> => {
  let cause: unknown;
  try {
    const iterator: unknown = source[Symbol.iterator]();
    if (typeof propertyOf(iterator, 'next') === 'function') return iterator as Iterator<T>;
  } catch (error) {
    cause = error;
  }
  throw new TokenvisorError(
    'CONFIG_INVALID',
    `${EXPECTED} one without an iterator`,
    cause === undefined ? {} : { cause },
  );
};

/**
 * Lists of `size`, the last one shorter. Ends early when the signal is aborted, also while the source is silent: the
 * source is closed, and not awaited.
 */
export const inBatches = <T>(
  source: Iterable<T> | AsyncIterable<T>,
  size: number,
  signal: AbortSignal | undefined,
): AsyncIterable<readonly T[]> => ({
  async *[Symbol.asyncIterator]() {
    const isAsync = Symbol.asyncIterator in source;
    const iterator = isAsync ? source[Symbol.asyncIterator]() : iteratorOf(source);
    const isAborted = (): boolean => signal?.aborted === true;
    let isOver = false;
    let batch: T[] = [];
    try {
      while (!isAborted()) {
        const next = iterator.next();
        // An async source may yield a promise of another realm, or any thenable.
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
      // A source that has thrown is not closed.
      isOver = true;
      throw error;
    } finally {
      if (!isOver) letGo(iterator);
    }
  },
});
