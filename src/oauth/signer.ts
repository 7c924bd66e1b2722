/**
 * Signs JWTs with a private key: at once and in this thread. WebCrypto would sign on libuv's pool, and a refresh would
 * wait for seconds while that is full. Only grants that sign load this file, because the library takes memory.
 */
import { createPrivateKey, randomUUID, type JsonWebKey, type KeyObject } from 'node:crypto';
import { createSigner } from 'fast-jwt';
import { ProviderError } from '../core/errors.js';
import type { ProviderContext } from './provider.js';
import type { Json } from '../core/json.js';
import { weaknessOfRsa } from './rsa-strength.js';
import type { SigningAlgorithm, SigningKey } from './signing-key.js';

/** The claims of an assertion (RFC 7523 §3). Times and `jti` are added. */
export interface AssertionClaims {
  readonly iss: string;
  /** Left out for Google, unless it differs from `iss`. */
  readonly sub?: string;
  readonly aud: string;
  readonly [claim: string]: Json | undefined;
}

/** Makes an assertion that is valid for `lifetimeMs` from now, with a unique `jti`. */
export type SignAssertion = (
  context: Pick<ProviderContext, 'clock' | 'secret'>,
  key: SigningKey,
  claims: AssertionClaims,
  lifetimeMs: number,
) => string;

/**
 * @throws a `park` ProviderError with the reason `secret_unreadable` if the key can't sign
 */
export const signAssertion: SignAssertion = ({ clock, secret }, key, claims, lifetimeMs) => {
  const { pem, keyId, algorithm } = readKey(secret(key.privateKey), key);
  const issuedAtS = Math.floor(clock.wallMs() / 1_000);
  const expiresAtS = issuedAtS + Math.ceil(lifetimeMs / 1_000);
  const payload = { ...claims, iat: issuedAtS, exp: expiresAtS, jti: randomUUID() };
  try {
    return createSigner({ key: pem, algorithm, ...(keyId !== undefined && { kid: keyId }) })(payload);
  } catch {
    throw unusable(`a signature by ${algorithm} can't be made with it`);
  }
};

interface ReadKey {
  readonly pem: string;
  readonly keyId: string | undefined;
  readonly algorithm: SigningAlgorithm;
}

const readKey = (read: string, { keyId, algorithm: wanted }: SigningKey): ReadKey => {
  // Some editors put a byte order mark before it.
  const text = read.replace(/^\uFEFF/, '');
  const jwk = text.trimStart().startsWith('{') ? parseJwk(text) : undefined;
  let key: KeyObject;
  try {
    key = createPrivateKey(jwk ? { key: jwk, format: 'jwk' } : text);
  } catch {
    throw unusable(
      'it is neither a PEM nor a JWK of a private key that is not encrypted (a path is given as file(path))',
    );
  }
  return {
    pem: key.export({ type: 'pkcs8', format: 'pem' }) as string,
    keyId: keyId ?? nameOf(jwk?.['kid']),
    algorithm: chooseAlgorithm(algorithmsOf(key), wanted, jwk?.['alg']),
  };
};

const nameOf = (member: unknown): string | undefined =>
  typeof member === 'string' && member !== '' ? member : undefined;

const parseJwk = (text: string): JsonWebKey & Readonly<Record<string, unknown>> => {
  try {
    return JSON.parse(text) as JsonWebKey & Readonly<Record<string, unknown>>;
  } catch {
    throw unusable('it begins like a JWK, and is no JSON');
  }
};

const BY_RSA = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'] as const;
const BY_CURVE: Readonly<Record<string, SigningAlgorithm>> = {
  prime256v1: 'ES256',
  secp384r1: 'ES384',
  secp521r1: 'ES512',
};

/** The algorithms that a key of this kind can sign with, the usual one first. */
const algorithmsOf = (key: KeyObject): readonly SigningAlgorithm[] => {
  const { asymmetricKeyType, asymmetricKeyDetails } = key;
  if (asymmetricKeyType === 'rsa') {
    const weakness = weaknessOfRsa(key);
    if (weakness !== undefined) throw unusable(weakness);
    return BY_RSA;
  }
  if (asymmetricKeyType === 'ed25519') return ['EdDSA'];
  const byCurve = asymmetricKeyType === 'ec' ? BY_CURVE[asymmetricKeyDetails?.namedCurve ?? ''] : undefined;
  if (byCurve !== undefined) return [byCurve];
  throw unusable(`expected an RSA, EC (P-256, P-384, P-521) or Ed25519 key, got ${asymmetricKeyType ?? 'another'}`);
};

/** Checked here, because the library signs with any algorithm: with a key of another curve, or by HMAC with the key's text as the secret. */
const chooseAlgorithm = (
  possible: readonly SigningAlgorithm[],
  wanted: SigningAlgorithm | undefined,
  alg: unknown,
): SigningAlgorithm => {
  const chosen = wanted ?? alg ?? possible[0];
  const found = possible.find((one) => one === chosen);
  if (found !== undefined) return found;
  const got = wanted ?? 'another `alg` in the JWK';
  throw unusable(`expected an algorithm of a key of its kind (${possible.join(', ')}), got ${got}`);
};

/** The message has nothing of the key. */
const unusable = (why: string): ProviderError =>
  new ProviderError(`The private key can't be used: ${why}`, { class: 'fatal', reason: 'secret_unreadable' });
