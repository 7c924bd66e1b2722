/** A user's options as they can travel and be printed. */
import { types } from 'node:util';
import { optionsOf } from '../../config/check.js';
import { isPlainObject } from '../../config/describe.js';
import { isUrl } from '../../realm.js';
import { literal } from '../secrets.js';

/** Members that are secrets, of a grant or of what lies in it: `key` is that of `tls`. */
const SECRETS = new Set(['clientSecret', 'refreshToken', 'key', 'privateKey', 'keyFile', 'subjectToken', 'actorToken']);
/** Members that are secrets if they are strings, and hold some if they are objects. */
const HOLDERS = new Set(['tls', 'clientAssertion', 'assertion']);

/** Literal secrets as references, so that a spec can be printed; URLs as strings, so that it can be cloned. */
export const wrapped = <T>(options: T): T => {
  if (!isPlainObject(options)) return options;
  const entries = Object.entries(optionsOf(options, 'options')).map(([key, value]: [string, unknown]) => {
    const mayBeSecret = SECRETS.has(key) || HOLDERS.has(key);
    if (mayBeSecret && typeof value === 'string' && value !== '') return [key, literal(value)];
    if (HOLDERS.has(key) && isPlainObject(value)) return [key, wrapped(value)];
    if (mayBeSecret) return [key, emptied(value)];
    return [key, isUrl(value) ? value.href : value];
  });
  return Object.fromEntries(entries) as T;
};

/** What is no secret in the form that it must have (a parsed key, say) is refused later, and must not print till then. */
const emptied = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(() => null);
  if (isPlainObject(value)) return {};
  return ArrayBuffer.isView(value) || types.isAnyArrayBuffer(value) ? Buffer.alloc(0) : value;
};
