/**
 * Keys in the one form that tokens are checked with: plain data, so that it crosses to threads.
 *
 * A key of a set has asymmetric algorithms only and a secret has HMAC ones only. The algorithms are the key's own, by its
 * kind: a token chooses among them, and can't add any.
 */
import { createPublicKey, type JsonWebKey } from 'node:crypto';
import { isPlainObject } from '../core/describe.js';
import { weaknessOfRsa } from '../oauth/rsa-strength.js';
import { HMAC_ALGORITHMS, type JwtAlgorithm, KEY_ALGORITHMS, leastSecretBytes } from './algorithms.js';
import { isPublished } from './published-key.js';

export interface VerificationKey {
  /** RFC 7517 §4.5; undefined for a key that has no name. */
  readonly kid: string | undefined;
  readonly algorithms: readonly JwtAlgorithm[];
  /** A PEM of the public key, or the secret. */
  readonly material: string;
}

const BY_RSA = KEY_ALGORITHMS.filter((algorithm) => /^[RP]S/.test(algorithm));
const BY_CURVE: Readonly<Record<string, readonly JwtAlgorithm[]>> = {
  'P-256': ['ES256'],
  'P-384': ['ES384'],
  'P-521': ['ES512'],
  Ed25519: ['EdDSA'],
};
/** What a public key is made of (RFC 7518 §6, RFC 8037 §2): nothing private is looked at. */
const PUBLIC_MEMBERS = ['kty', 'n', 'e', 'crv', 'x', 'y'];

/**
 * The keys of a JWK set (RFC 7517 §5) that signatures can be checked with; undefined if it is no set. What is of a kind
 * that we do not know, or is no good, is left out, as the RFC says: a symmetric key always.
 */
export const keysOfSet = (set: unknown): readonly VerificationKey[] | undefined => {
  const keys: unknown = isPlainObject(set) ? set['keys'] : undefined;
  if (!Array.isArray(keys)) return undefined;
  return keys.flatMap((jwk: unknown) => (isPlainObject(jwk) ? keyOf(jwk) : []));
};

const keyOf = (jwk: Readonly<Record<string, unknown>>): readonly VerificationKey[] => {
  const { kid, alg, use, key_ops: operations } = jwk;
  if (use !== undefined && use !== 'sig') return [];
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes('verify'))) return [];
  const algorithms = algorithmsOf(jwk).filter((algorithm) => alg === undefined || alg === algorithm);
  if (algorithms.length === 0) return [];
  const members = PUBLIC_MEMBERS.filter((name) => jwk[name] !== undefined).map((name) => [name, jwk[name]] as const);
  try {
    const key = createPublicKey({ key: Object.fromEntries(members) as JsonWebKey, format: 'jwk' });
    if (key.asymmetricKeyType === 'rsa' && weaknessOfRsa(key) !== undefined) return [];
    const material = key.export({ type: 'spki', format: 'pem' }) as string;
    return [{ kid: typeof kid === 'string' ? kid : undefined, algorithms, material }];
  } catch {
    return [];
  }
};

const algorithmsOf = ({ kty, crv }: Readonly<Record<string, unknown>>): readonly JwtAlgorithm[] => {
  if (kty === 'RSA') return BY_RSA;
  // A `kty` that is not the curve's is no key for node:crypto.
  return typeof crv === 'string' && Object.hasOwn(BY_CURVE, crv) ? BY_CURVE[crv]! : [];
};

/** The one key that a shared secret is; undefined if it is too short for these algorithms, or a key that is no secret. */
export const keysOfSecret = (
  secret: string,
  algorithms: readonly JwtAlgorithm[],
): readonly VerificationKey[] | undefined => {
  if (Buffer.byteLength(secret) < leastSecretBytes(algorithms) || isPublished(secret)) return undefined;
  return [{ kid: undefined, algorithms: HMAC_ALGORITHMS.filter((one) => algorithms.includes(one)), material: secret }];
};
