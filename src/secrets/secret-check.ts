/** Checks of options that are secrets. The given value is never quoted. */
import { anyOf, type Check, custom, list } from '../config/check.js';
import { describeKind } from '../core/describe.js';
import { SecretReference } from './references.js';

/** True for a reference or a string that is not empty. */
export const isSecret = (value: unknown): value is SecretReference | string =>
  value instanceof SecretReference || (typeof value === 'string' && value !== '');

/** A check for {@link isSecret}. */
export const secret = (): Check<SecretReference | string> =>
  custom('a secret: env(), file() or a non-empty string', isSecret, describeKind);

/** CA certificates, as TLS accepts them. */
export const authorities = anyOf<SecretReference | string | readonly (SecretReference | string)[]>(
  'a PEM text, a secret reference or a list of them',
  secret(),
  list(secret(), { min: 1 }),
);
