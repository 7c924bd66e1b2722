/** Many of something, a batch at a time. */
import { letGo, orAborted } from '../../core/abort.js';
import { describeKind, propertyOf } from '../../core/describe.js';
import { TokenvisorError } from '../../core/errors.js';

const EXPECTED = 'Expected tokens to be an iterable or an async iterable of them, got';

/** Where many come from: not a text, which is iterable as well, by its characters, and is one token. */
const isSource = (value: unknown): boolean =>
  ((typeof value === 'object' && value !== null) || typeof value === 'function') &&
  [Symbol.iterator, Symbol.asyncIterator].some((key) => typeof propertyOf(value, key) === 'function');

/** @throws CONFIG_INVALID unless many can come from there. */
export const checkSource = (value: unknown, child: string): void => {
  if (!isSource(value)) throw new TokenvisorError('CONFIG_INVALID', `${EXPECTED} ${describeKind(value)}`, { child });
};

/** Where it begins. What says that it is a source, and can't be begun with, is none. @throws CONFIG_INVALID */
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
    `${EXPECTED} one that can not be begun with`,
    cause === undefined ? {} : { cause },
  );
};

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
    const iterator = isAsync ? source[Symbol.asyncIterator]() : iteratorOf(source);
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
