/**
 * Type tests that also accept values of another realm: a test runner runs code in a `vm` context with its own classes,
 * and a port delivers values of either realm there.
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

/** True for a `URL` of any realm, or of a library that stands in for it (jsdom's). Never throws. */
export const isUrl = (value: unknown): value is URL => {
  try {
    // An object that only has the prototype of URL throws when `href` is read.
    return (value instanceof URL || tagOf(value) === 'URL') && typeof (value as Partial<URL>).href === 'string';
  } catch {
    return false;
  }
};

/** True for an `AbortSignal` of any realm, or of a library that stands in for it. Never throws. */
export const isAbortSignal = (value: unknown): value is AbortSignal => {
  try {
    const { aborted, addEventListener } = (
      value instanceof AbortSignal || tagOf(value) === 'AbortSignal' ? value : {}
    ) as Partial<AbortSignal>;
    return typeof aborted === 'boolean' && typeof addEventListener === 'function';
  } catch {
    return false;
  }
};

/** `Date` of `[object Date]`. */
const tagOf = (value: unknown): string => Object.prototype.toString.call(value).slice('[object '.length, -1);
