/**
 * Verification keys in a common form: plain data that can be cloned to threads.
 *
 * A key of a set has asymmetric algorithms only and a secret has HMAC ones only. A key's type determines its
 * algorithms: a token chooses among them, and can't add any.
 */
import { createPublicKey, type JsonWebKey } from 'node:crypto';
import { isPlainObject } from '../core/describe.js';
import { weaknessOfRsa } from '../oauth/rsa-strength.js';
import { HMAC_ALGORITHMS, type JwtAlgorithm, KEY_ALGORITHMS, leastSecretBytes } from './algorithms.js';
import { isPublished } from './published-key.js';

export interface VerificationKey {
  /** RFC 7517 §4.5; undefined for a key without an id. */
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
/** The parameters of public keys (RFC 7518 §6, RFC 8037 §2): private ones are not read. */
const PUBLIC_MEMBERS = ['kty', 'n', 'e', 'crv', 'x', 'y'];

/**
 * The keys of a JWK set (RFC 7517 §5) that can verify signatures; undefined if it is not a set. Unknown and invalid
 * keys are left out, as the RFC says, and symmetric ones always.
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
  // node:crypto does not accept a `kty` that does not match the curve.
  return typeof crv === 'string' && Object.hasOwn(BY_CURVE, crv) ? BY_CURVE[crv]! : [];
};

/** The key for a shared secret; undefined if it is too short for these algorithms, or a key that is not secret. */
export const keysOfSecret = (
  secret: string,
  algorithms: readonly JwtAlgorithm[],
): readonly VerificationKey[] | undefined => {
  if (Buffer.byteLength(secret) < leastSecretBytes(algorithms) || isPublished(secret)) return undefined;
  return [{ kid: undefined, algorithms: HMAC_ALGORITHMS.filter((one) => algorithms.includes(one)), material: secret }];
};
