/**
 * Signs JWTs with a private key: at once and in this thread. WebCrypto would sign on libuv's pool, and a refresh would
 * wait for seconds while that is full. Loaded by those grants alone that sign, because the library costs memory.
 */
import { createPrivateKey, randomUUID, type JsonWebKey, type KeyObject } from 'node:crypto';
import { createSigner, type Algorithm } from 'fast-jwt';
import { ProviderError } from '../errors.js';
import type { Json, ProviderContext } from './provider.js';
import type { SigningKey } from './signing-key.js';

/** The claims of an assertion (RFC 7523 §3). Times and `jti` are added. */
export interface AssertionClaims {
  readonly iss: string;
  /** Google leaves it out, unless it is another than `iss`. */
  readonly sub?: string;
  readonly aud: string;
  readonly [claim: string]: Json | undefined;
}

/** An assertion, good from now on for `lifetimeMs`, with a `jti` that no other has. */
export type SignAssertion = (
  context: Pick<ProviderContext, 'clock' | 'secret'>,
  key: SigningKey,
  claims: AssertionClaims,
  lifetimeMs: number,
) => string;

/**
 * @throws a `park` ProviderError with the reason `secret_unreadable` if the key is none that can sign
 */
export const signAssertion: SignAssertion = ({ clock, secret }, key, claims, lifetimeMs) => {
  const { pem, keyId, algorithm } = readKey(secret(key.privateKey), key);
  const issuedAtS = Math.floor(clock.wallMs() / 1_000);
  const expiresAtS = issuedAtS + Math.ceil(lifetimeMs / 1_000);
  try {
    const sign = createSigner({ key: pem, algorithm, noTimestamp: true, ...(keyId !== undefined && { kid: keyId }) });
    return sign({ ...claims, iat: issuedAtS, exp: expiresAtS, jti: randomUUID() });
  } catch {
    throw unusable(`a ${algorithm} signature can't be made with it`);
  }
};

interface ReadKey {
  readonly pem: string;
  readonly keyId: string | undefined;
  readonly algorithm: Algorithm;
}

const readKey = (text: string, { keyId, algorithm }: SigningKey): ReadKey => {
  const jwk = text.trimStart().startsWith('{') ? parseJwk(text) : undefined;
  let key: KeyObject;
  try {
    key = createPrivateKey(jwk ? { key: jwk, format: 'jwk' } : text);
  } catch {
    throw unusable('it is neither a PEM nor a JWK of a private key that is not encrypted');
  }
  const byDefault = nameOf(jwk?.['alg']) ?? defaultAlgorithm(key);
  return {
    pem: key.export({ type: 'pkcs8', format: 'pem' }) as string,
    keyId: keyId ?? nameOf(jwk?.['kid']),
    algorithm: (algorithm ?? byDefault) as Algorithm,
  };
};

const nameOf = (member: unknown): string | undefined => (typeof member === 'string' ? member : undefined);

const parseJwk = (text: string): JsonWebKey & Readonly<Record<string, unknown>> => {
  try {
    return JSON.parse(text) as JsonWebKey & Readonly<Record<string, unknown>>;
  } catch {
    throw unusable('it begins like a JWK, and is no JSON');
  }
};

const CURVES: Readonly<Record<string, string>> = { prime256v1: 'ES256', secp384r1: 'ES384', secp521r1: 'ES512' };

const defaultAlgorithm = ({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): string => {
  const curve = CURVES[asymmetricKeyDetails?.namedCurve ?? ''];
  if (asymmetricKeyType === 'rsa') return 'RS256';
  if (asymmetricKeyType === 'ed25519') return 'EdDSA';
  if (asymmetricKeyType === 'ec' && curve !== undefined) return curve;
  throw unusable(`expected an RSA, EC (P-256, P-384, P-521) or Ed25519 key, got ${asymmetricKeyType ?? 'another'}`);
};

/** Nothing of the key is told. */
const unusable = (why: string): ProviderError =>
  new ProviderError(`The private key can't be used: ${why}`, { class: 'park', reason: 'secret_unreadable' });
