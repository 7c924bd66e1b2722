/**
 * What a value is, also one of another realm: a test runner runs code in a `vm` context, whose classes are not ours, and
 * what a port delivers there may be of either.
 */
import { types } from 'node:util';

/** True for errors of any realm. Never throws. */
export const isError = (value: unknown): value is Error => {
  try {
    return types.isNativeError(value) || value instanceof Error || tagOf(value) === 'Error';
  } catch {
    return false;
  }
};

/** True for a `URL` of any realm, or of a library that stands in for it (jsdom's). */
export const isUrl = (value: unknown): value is URL => {
  if (value instanceof URL) return true;
  return tagOf(value) === 'URL' && typeof (value as Partial<URL>).href === 'string';
};

/** True for an `AbortSignal` of any realm, or of a library that stands in for it. */
export const isAbortSignal = (value: unknown): value is AbortSignal => {
  if (value instanceof AbortSignal) return true;
  const { aborted, addEventListener } = (tagOf(value) === 'AbortSignal' ? value : {}) as Partial<AbortSignal>;
  return typeof aborted === 'boolean' && typeof addEventListener === 'function';
};

/** `Date` of `[object Date]`. */
const tagOf = (value: unknown): string => Object.prototype.toString.call(value).slice('[object '.length, -1);
