/** Tokens signed by jose, for tests of what verifies them. */
import { createSecretKey } from 'node:crypto';
import { SignJWT, type JWTPayload } from 'jose';
import { check } from '../../src/config/check.js';
import { jwtVerification, type CheckedJwtVerification } from '../../src/jwt/jwt-options.js';
import type { TestKey } from './signing-keys.js';

export const SECRET = 'a secret of at least thirty-two bytes';

/** Options as the starting thread hands them on; the test fails if they are not usable. */
export const checkedVerification = (options: object): CheckedJwtVerification => {
  const { value, problems } = check(jwtVerification(), options);
  if (problems.length > 0) throw new Error(JSON.stringify(problems));
  return value;
};

/** A token of this key; its payload is `{ jti: 'token-1' }` unless another is given. */
export const sign = (
  key: TestKey | string,
  alg: string,
  payload: object = { jti: 'token-1' },
  header: object = {},
): Promise<string> =>
  new SignJWT(payload as JWTPayload)
    .setProtectedHeader({ alg, ...header })
    .sign(typeof key === 'string' ? createSecretKey(Buffer.from(key)) : key.privateKey);

const segment = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/** What has the form of a token: each part given as JSON, the signature as it is. */
export const forge = (header: unknown, payload: unknown, signature = ''): string =>
  `${segment(header)}.${segment(payload)}.${signature}`;
