/**
 * What came, in words, for messages about options. Never more of a value than helps to find the mistake: a long string
 * may be a secret in the wrong place, so it is described and not quoted.
 */

const QUOTABLE = /^[\x20-\x7e]{0,32}$/;

/** `'5m' (string)`, `42 (number)`, `nothing`, `a function`, `a list of 3`, `an instance of Map`. */
export const describeValue = (value: unknown): string => {
  switch (typeof value) {
    case 'undefined':
      return 'nothing';
    case 'string':
      return QUOTABLE.test(value) ? `'${value}' (string)` : `a string of ${value.length} characters`;
    case 'number':
    case 'bigint':
    case 'boolean':
      return `${value} (${typeof value})`;
    case 'symbol':
      return 'a symbol';
    case 'function':
      return 'a function';
    case 'object':
      return describeObject(value);
  }
};

/** The kind of value alone, for places where a secret belongs. */
export const describeKind = (value: unknown): string => {
  if (typeof value === 'string') return value === '' ? 'an empty string' : 'a string';
  if (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean') return `a ${typeof value}`;
  return describeValue(value);
};

/** The text of anything, also of what has none. Never throws. */
export const textOf = (value: unknown): string => {
  try {
    return String(value);
  } catch {
    return 'a value that has no text';
  }
};

const describeObject = (value: object | null): string => {
  if (value === null) return 'null';
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (isPlainObject(value)) return 'an object';
  const name: unknown = (Object.getPrototypeOf(value) as { constructor?: { name?: unknown } }).constructor?.name;
  return typeof name === 'string' && name !== '' ? `an instance of ${name}` : 'an object of a class';
};

/** True for `{}` and for objects with no prototype, also those of another realm. */
export const isPlainObject = (value: unknown): value is Record<string, unknown> => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const prototype = Object.getPrototypeOf(value) as object | null;
  if (prototype === null || prototype === Object.prototype) return true;
  return Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype, 'isPrototypeOf');
};
