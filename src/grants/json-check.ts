/** A check for JSON values. */
import type { Check } from '../config/check.js';
import { describeValue, isPlainObject } from '../core/describe.js';
import type { Json } from '../core/json.js';

/** A value that JSON represents without loss. */
export const json: Check<Json> = (value, path, report) => {
  if (!isJson(value)) report(path, 'JSON', describeValue(value));
  return value as Json;
};

const isJson = (value: unknown, above: readonly unknown[] = []): boolean => {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return true;
  if (typeof value === 'number') return Number.isFinite(value);
  if (above.includes(value) || !(Array.isArray(value) || isPlainObject(value))) return false;
  return Object.values(value).every((member) => isJson(member, [...above, value]));
};
