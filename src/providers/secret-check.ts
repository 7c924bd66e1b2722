/** Checks of options that are secrets. What came is never quoted. */
import { custom, type Check } from '../config/check.js';
import { describeKind } from '../config/describe.js';
import { SecretReference } from './secrets.js';

/** A reference, or a string that is not empty. */
export const isSecret = (value: unknown): value is SecretReference | string =>
  value instanceof SecretReference || (typeof value === 'string' && value !== '');

/** A check for {@link isSecret}. */
export const secret = (): Check<SecretReference | string> =>
  custom('a secret: env(), file() or a non-empty string', isSecret, describeKind);
