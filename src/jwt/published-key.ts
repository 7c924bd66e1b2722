/** Detects keys and certificates given as an HMAC secret. A public key is not secret, so anyone could sign with it. */
import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto';

/** PEM (RFC 7468), and SSH's form of it (RFC 4716). */
const PEM = /-{4,5} ?BEGIN [A-Z0-9 ]+ ?-{4,5}/;
/** Also within JSON strings, where its quotes are escaped. */
const JWK = /["']kty\\*["']\s*:\s*\\*["'](?:RSA|EC|OKP|AKP)\\*["']/;
/** A line of `authorized_keys` (sshd(8)), or of a `.pub` file. */
const SSH = /(?:^|\s)(?:ssh-[\w@.-]+|ecdsa-sha2-[\w@.-]+|sk-[\w@.-]+)\s+AAAA/;

/**
 * True for an asymmetric key or a certificate as PEM (also without its header lines), DER, JWK or SSH, and for the Base64 or hexadecimal
 * digits of one of these.
 */
export const isPublished = (secret: string): boolean =>
  isText(secret) || binariesOf(secret).some((bytes) => isBinaryKey(bytes) || isPublishedText(bytes.toString('latin1')));

const isText = (text: string): boolean => PEM.test(text) || JWK.test(text) || SSH.test(text);

/** Tests decoded data: only one level of encoding is removed. */
const isPublishedText = (text: string): boolean => isText(text) || binariesOf(text).some(isBinaryKey);

/**
 * The binary data of which a text may be the Base64 or hexadecimal form: without the characters that source code, a URL
 * or an environment may have added around it or inside.
 */
const binariesOf = (text: string): readonly Buffer[] => {
  const plain = text.replace(/^\W*data:[^,]*,/i, '').replaceAll(/\\[rn]|[\s"'`,;]/g, '');
  const digits = plain.replaceAll(/\\x|0x|[:-]/gi, '');
  return [
    ...(/^[\w+/-]+=*$/.test(plain) ? [Buffer.from(plain, 'base64')] : []),
    ...(/^(?:[\da-f]{2})+$/i.test(digits) ? [Buffer.from(digits, 'hex')] : []),
  ];
};

const isBinaryKey = (bytes: Buffer): boolean => isSshKey(bytes) || isDer(bytes);

/** RFC 4253 §6.6: an SSH key begins with the length of its type's name, and the name. */
const isSshKey = (bytes: Buffer): boolean => {
  if (bytes.length < 4) return false;
  const name = bytes.toString('latin1', 4, 4 + Math.min(bytes.readUInt32BE(0), 64));
  return /^(?:ssh-|ecdsa-sha2-|sk-)[\w@.-]+$/.test(name);
};

/** The DER (X.690) forms. All begin with a SEQUENCE. */
const DER_FORMS: readonly ((key: Buffer) => unknown)[] = [
  (key) => createPublicKey({ key, format: 'der', type: 'spki' }),
  (key) => createPublicKey({ key, format: 'der', type: 'pkcs1' }),
  (key) => createPrivateKey({ key, format: 'der', type: 'pkcs8' }),
  (key) => createPrivateKey({ key, format: 'der', type: 'pkcs1' }),
  (key) => createPrivateKey({ key, format: 'der', type: 'sec1' }),
  (key) => new X509Certificate(key),
];

const isDer = (bytes: Buffer): boolean => bytes[0] === 0x30 && DER_FORMS.some((read) => succeeds(() => read(bytes)));

const succeeds = (run: () => unknown): boolean => {
  try {
    run();
    return true;
  } catch {
    return false;
  }
};
