/** Checks of options that are secrets. What came is never quoted. */
import { anyOf, type Check, custom, list } from '../config/check.js';
import { describeKind } from '../core/describe.js';
import { SecretReference } from './references.js';

/** A reference, or a string that is not empty. */
export const isSecret = (value: unknown): value is SecretReference | string =>
  value instanceof SecretReference || (typeof value === 'string' && value !== '');

/** A check for {@link isSecret}. */
export const secret = (): Check<SecretReference | string> =>
  custom('a secret: env(), file() or a non-empty string', isSecret, describeKind);

/** Certificates of authorities, as TLS takes them. */
export const authorities = anyOf<SecretReference | string | readonly (SecretReference | string)[]>(
  'a PEM text, a secret reference or a list of them',
  secret(),
  list(secret(), { min: 1 }),
);
