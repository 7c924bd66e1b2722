/** Recognises keys and certificates given as an HMAC secret. A public key is public, so anyone could sign with it. */
import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto';

/** PEM (RFC 7468), and SSH's form of it (RFC 4716). */
const PEM = /-{4,5} ?BEGIN [A-Z0-9 ]+ ?-{4,5}/;
const JWK = /"kty"\s*:\s*"(?:RSA|EC|OKP|AKP)"/;
/** A line of `authorized_keys` (sshd(8)), or of a `.pub` file. */
const SSH = /(?:^|\s)(?:ssh-[\w@.-]+|ecdsa-sha2-[\w@.-]+|sk-[\w@.-]+)\s+AAAA/;

/** True for an asymmetric key or a certificate as PEM (also without its header lines), DER, JWK or SSH. */
export const isPublished = (secret: string): boolean =>
  PEM.test(secret) || JWK.test(secret) || SSH.test(secret) || binariesOf(secret).some(isBinaryKey);

/** What a text may be the Base64 or the hexadecimal digits of. Line breaks may have become `\\n` in an environment. */
const binariesOf = (text: string): readonly Buffer[] => {
  const plain = text.replaceAll(/\\[rn]|\s/g, '');
  return [
    ...(/^[\w+/-]+=*$/.test(plain) ? [Buffer.from(plain, 'base64')] : []),
    ...(/^(?:[\da-f]{2})+$/i.test(plain) ? [Buffer.from(plain, 'hex')] : []),
  ];
};

const isBinaryKey = (bytes: Buffer): boolean => isSshKey(bytes) || isDer(bytes);

/** RFC 4253 §6.6: it begins with the length of its name, and the name. */
const isSshKey = (bytes: Buffer): boolean => {
  if (bytes.length < 4) return false;
  const name = bytes.toString('latin1', 4, 4 + Math.min(bytes.readUInt32BE(0), 64));
  return /^(?:ssh-|ecdsa-sha2-|sk-)[\w@.-]+$/.test(name);
};

/** Each as DER (X.690). All begin with a SEQUENCE. */
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
