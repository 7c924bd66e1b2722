/** Where the tokens of a bulk operation come from: an iterable or an async iterable. */
import { describeKind, propertyOf } from './describe.js';
import { TokenvisorError } from './errors.js';

const EXPECTED = 'Expected tokens to be an iterable or an async iterable of them, got';

/** A string is refused: it iterates over its characters, and is one token. */
const isSource = (value: unknown): boolean =>
  ((typeof value === 'object' && value !== null) || typeof value === 'function') &&
  [Symbol.iterator, Symbol.asyncIterator].some((key) => typeof propertyOf(value, key) === 'function');

/** @throws CONFIG_INVALID unless the value is an iterable or an async iterable. */
export const checkSource = (value: unknown, child: string): void => {
  if (!isSource(value)) throw new TokenvisorError('CONFIG_INVALID', `${EXPECTED} ${describeKind(value)}`, { child });
};

/** Creates the iterator of a synchronous source. @throws CONFIG_INVALID if that fails, or if it has no `next()`. */
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
    `${EXPECTED} one whose iterator could not be created`,
    cause === undefined ? {} : { cause },
  );
};
