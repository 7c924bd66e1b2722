/**
 * The algorithms that tokens may be signed by (RFC 7518 §3, RFC 8037), in two separate families: a token for a shared
 * secret is never checked with a public key, whatever its header says.
 */

/** An algorithm that a token may be signed by, by its name in RFC 7518 and RFC 8037; `EdDSA` is Ed25519. */
export type JwtAlgorithm =
  | 'HS256'
  | 'HS384'
  | 'HS512'
  | 'RS256'
  | 'RS384'
  | 'RS512'
  | 'PS256'
  | 'PS384'
  | 'PS512'
  | 'ES256'
  | 'ES384'
  | 'ES512'
  | 'EdDSA';

/** With a shared secret. */
export const HMAC_ALGORITHMS = ['HS256', 'HS384', 'HS512'] as const satisfies readonly JwtAlgorithm[];

/** With a public key. */
export const KEY_ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
] as const satisfies readonly JwtAlgorithm[];

export const isHmac = (algorithm: unknown): algorithm is (typeof HMAC_ALGORITHMS)[number] =>
  HMAC_ALGORITHMS.includes(algorithm as never);

/** The least length of a secret, in bytes: that of the hash (RFC 7518 §3.2). */
export const leastSecretBytes = (algorithms: readonly JwtAlgorithm[]): number =>
  Math.max(...algorithms.map((algorithm) => Number(algorithm.slice(2)) / 8));
