/** Converts a user's options to a form that can be cloned and printed. */
import { types } from 'node:util';
import { optionsOf } from '../config/check.js';
import { isPlainObject } from '../core/describe.js';
import { isUrl } from '../core/realm.js';
import { literal } from './references.js';

/**
 * Members that are secrets, of a grant, of a store or of what lies in them: `key` is that of `tls`; and the PEM text of a
 * client's `cert` often has the key as well. They are secrets in each grant, so that none prints what was meant for another.
 */
const SECRETS = new Set([
  ...['clientSecret', 'refreshToken', 'key', 'cert', 'privateKey', 'keyFile', 'subjectToken', 'actorToken'],
  ...['connectionString', 'password'],
]);
/** Options that are secrets as strings, and contain secrets as objects. */
const HOLDERS = new Set(['tls', 'clientAssertion', 'assertion']);

/**
 * Literal secrets as references, so that a spec can be printed; URLs as strings, so that it can be cloned. `further` names
 * options that are secrets as well.
 */
export const hideSecrets = <T>(options: T, further: readonly string[] = []): T => {
  if (!isPlainObject(options)) return options;
  const entries = Object.entries(optionsOf(options, 'options')).map(([key, value]: [string, unknown]) => {
    // In a list, each text may contain more than a certificate.
    if (key === 'ca') return [key, Array.isArray(value) ? value.map(concealed) : concealed(value)];
    if (key === 'connectionString' && isUrl(value)) return [key, literal(value.href)];
    const mayBeSecret = SECRETS.has(key) || HOLDERS.has(key) || further.includes(key);
    if (HOLDERS.has(key) && isPlainObject(value)) return [key, hideSecrets(value)];
    if (mayBeSecret) return [key, concealed(value)];
    return [key, isUrl(value) ? value.href : value];
  });
  return Object.fromEntries(entries) as T;
};

const concealed = (value: unknown): unknown =>
  typeof value === 'string' && value !== '' ? literal(value) : emptied(value);

/**
 * Empties a secret of the wrong type (a parsed key, for example): it is refused later, and must not print until then.
 */
const emptied = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(() => null);
  if (isPlainObject(value)) return {};
  return ArrayBuffer.isView(value) || types.isAnyArrayBuffer(value) ? Buffer.alloc(0) : value;
};
