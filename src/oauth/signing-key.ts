/** The options of a private key that signs JWTs, and their check. `signer.ts` signs, in the actor. */
import { oneOf, optional, string } from '../config/check.js';
import { secret } from '../secrets/secret-check.js';
import type { SecretReference } from '../secrets/references.js';

const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'] as const;

/** The asymmetric algorithms of RFC 7518 §3.1, and Ed25519 of RFC 8037 §3.1. */
export type SigningAlgorithm = (typeof ALGORITHMS)[number];

/** A private key that signs JWTs. */
export interface SigningKey {
  /**
   * The key: PEM (PKCS #8, PKCS #1 or SEC 1, not encrypted), or a private JWK (RFC 7517) as JSON. Read at every
   * signature, so a file that is replaced is picked up by the next attempt. A string is the key itself; a path is given
   * as `file(path)`.
   */
  readonly privateKey: SecretReference | string;
  /**
   * The `kid` of the header, by which the server finds the public key.
   * @default the JWK's own, if it has one
   */
  readonly keyId?: string;
  /**
   * The `alg` of the header.
   * @default the JWK's own, or else by the key: RS256 for RSA, ES256, ES384 or ES512 by the curve, EdDSA for Ed25519
   */
  readonly algorithm?: SigningAlgorithm;
}

/** The checks of a signing key, as a part of a shape. */
export const signingKeyShape = {
  privateKey: secret(),
  keyId: optional(string()),
  algorithm: optional(oneOf(...ALGORITHMS)),
};
