/**
 * Describes a value for messages about options. It shows no more of a value than helps to find the mistake: a long
 * string may be a misplaced secret, so it is described and not quoted.
 */

const QUOTABLE = /^[\x20-\x7e]{0,32}$/;

/** `'5m' (string)`, `42 (number)`, `nothing`, `a function`, `a list of 3`, `an instance of Map`. */
export const describeValue = (value: unknown): string => {
  switch (typeof value) {
    case 'undefined':
      return 'nothing';
    case 'string':
      return QUOTABLE.test(value) ? `'${value}' (string)` : `a string of ${value.length} characters`;
    case 'bigint':
      // A bigint may have a million digits.
      return value === BigInt.asIntN(64, value) ? `${value} (bigint)` : 'a bigint of more than 64 bits';
    case 'number':
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

/** The kind of a value without the value, for options that hold secrets. */
export const describeKind = (value: unknown): string => {
  if (typeof value === 'string') return value === '' ? 'an empty string' : 'a string';
  if (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean') return `a ${typeof value}`;
  return describeValue(value);
};

/** Converts any value to text, also one that can't be converted. Never throws. */
export const textOf = (value: unknown): string => {
  try {
    return String(value);
  } catch {
    return 'a value that has no text';
  }
};

/** Describes an object. A proxy or a getter may throw on access. */
const describeObject = (value: object | null): string => {
  if (value === null) return 'null';
  try {
    if (Array.isArray(value)) return `a list of ${textOf(value.length)}`;
    if (isPlainObject(value)) return 'an object';
    const name: unknown = (Object.getPrototypeOf(value) as { constructor?: { name?: unknown } }).constructor?.name;
    return typeof name === 'string' && QUOTABLE.test(name) && name !== ''
      ? `an instance of ${name}`
      : 'an object of a class';
  } catch {
    return "an object that can't be read";
  }
};

/** True for `{}` and for objects without a prototype, also those of another realm. Never throws. */
export const isPlainObject = (value: unknown): value is Record<string, unknown> => {
  if (typeof value !== 'object' || value === null) return false;
  try {
    if (Array.isArray(value)) return false;
    const prototype = Object.getPrototypeOf(value) as object | null;
    if (prototype === null || prototype === Object.prototype) return true;
    return Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype, 'isPrototypeOf');
  } catch {
    // A revoked proxy, or one whose traps throw.
    return false;
  }
};

/** Reads a property of an untrusted value: undefined if it can't be read. Never throws. */
export const propertyOf = (value: unknown, key: PropertyKey): unknown => {
  try {
    return (value as Readonly<Record<PropertyKey, unknown>> | null | undefined)?.[key];
  } catch {
    return undefined;
  }
};

/**
 * A list, read once, with `undefined` in its holes; undefined if the value is not a list or can't be read. Never
 * throws.
 */
export const itemsOf = (value: unknown): readonly unknown[] | undefined => {
  try {
    return Array.isArray(value) ? Array.from<unknown>(value) : undefined;
  } catch {
    return undefined;
  }
};

/** True of an object that is no promise: what a user's function may return to be held. */
export const isObjectToHold = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && typeof propertyOf(value, 'then') !== 'function';
