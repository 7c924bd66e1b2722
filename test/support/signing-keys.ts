/** Private keys in every form in which users have them, made when a test needs them. */
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { calculateJwkThumbprint, type JWK } from 'jose';

export interface TestKey {
  readonly privateKey: KeyObject;
  /** PKCS #8. */
  readonly pem: string;
  /** The private JWK as JSON, with these members beside. */
  readonly jwkText: (more?: object) => string;
  /** SubjectPublicKeyInfo. */
  readonly publicPem: string;
  /** For the server. */
  readonly publicJwk: JWK;
}

/** `P-256`, `P-384`, `P-521`, `secp256k1`, `rsa`, `ed25519` … */
export type KeyKind = 'rsa' | 'ed25519' | 'x25519' | 'P-256' | 'P-384' | 'P-521' | 'secp256k1';

const pairOf = (kind: KeyKind): { readonly publicKey: KeyObject; readonly privateKey: KeyObject } => {
  if (kind === 'rsa') return generateKeyPairSync('rsa', { modulusLength: 2_048 });
  if (kind === 'ed25519') return generateKeyPairSync('ed25519');
  if (kind === 'x25519') return generateKeyPairSync('x25519');
  return generateKeyPairSync('ec', { namedCurve: kind });
};

export const makeKey = (kind: KeyKind): TestKey => {
  const { publicKey, privateKey } = pairOf(kind);
  return {
    privateKey,
    pem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    jwkText: (more = {}) => JSON.stringify({ ...privateKey.export({ format: 'jwk' }), ...more }),
    publicPem: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    publicJwk: publicKey.export({ format: 'jwk' }),
  };
};

/** What tells a key from others, for the `kid` of tests. */
export const thumbprintOf = ({ publicJwk }: TestKey): Promise<string> => calculateJwkThumbprint(publicJwk);

/** Every run of letters of a key's texts that is long enough to tell something: none may be printed. */
export const piecesOf = (...texts: readonly string[]): readonly string[] =>
  texts.flatMap((text) => text.match(/[\w+/=-]{16,}/g) ?? []).filter((piece) => !/^-+|PRIVATE|PUBLIC/.test(piece));
