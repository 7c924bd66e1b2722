/**
 * X.509 certificates (RFC 5280), made when a test needs them: as small as TLS clients take them, with P-256 keys, and
 * with no program but Node.
 */
import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';

export interface Certificate {
  /** PEM. */
  readonly cert: string;
  /** PEM. */
  readonly key: string;
}

export interface Authority extends Certificate {
  /** Signs a certificate for these names. Default: for `localhost` and 127.0.0.1, valid from an hour ago for a day. */
  issue(options?: { dnsNames?: readonly string[]; addresses?: readonly string[]; notAfterMs?: number }): Certificate;
}

const HOUR_MS = 3_600_000;

/** DER (X.690): a tag, a length, the contents. */
const der = (tag: number, ...parts: readonly Buffer[]): Buffer => {
  const contents = Buffer.concat(parts);
  if (contents.length < 0x80) return Buffer.concat([Buffer.from([tag, contents.length]), contents]);
  const length = Buffer.from(contents.length.toString(16).padStart(4, '0'), 'hex');
  return Buffer.concat([Buffer.from([tag, 0x80 + length.length]), length, contents]);
};

const sequence = (...parts: readonly Buffer[]): Buffer => der(0x30, ...parts);
const set = (...parts: readonly Buffer[]): Buffer => der(0x31, ...parts);
const octets = (contents: Buffer): Buffer => der(0x04, contents);
const bits = (contents: Buffer): Buffer => der(0x03, Buffer.from([0]), contents);
const integer = (contents: Buffer): Buffer => der(0x02, contents);
const yes = der(0x01, Buffer.from([0xff]));
const oid = (hex: string): Buffer => der(0x06, Buffer.from(hex, 'hex'));

const ECDSA_WITH_SHA256 = sequence(oid('2a8648ce3d040302'));
const COMMON_NAME = oid('550403');
const BASIC_CONSTRAINTS = oid('551d13');
const SUBJECT_ALT_NAME = oid('551d11');

const nameOf = (commonName: string): Buffer => sequence(set(sequence(COMMON_NAME, der(0x0c, Buffer.from(commonName)))));

/** GeneralizedTime, whole seconds. */
const timeOf = (atMs: number): Buffer =>
  der(0x18, Buffer.from(`${new Date(atMs).toISOString().replaceAll(/[-:T]|\..*/g, '')}Z`));

const pemOf = (contents: Buffer): string =>
  `-----BEGIN CERTIFICATE-----\n${contents.toString('base64').replaceAll(/.{64}(?=.)/g, '$&\n')}\n-----END CERTIFICATE-----\n`;

interface Contents {
  readonly subject: string;
  readonly issuer: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly extension: Buffer;
}

const newKeys = (): { publicKey: KeyObject; privateKey: KeyObject; key: string } => {
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return { ...pair, key: pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() };
};

const certify = (contents: Contents, publicKey: KeyObject, signer: KeyObject): string => {
  const serial = randomBytes(8);
  serial[0] = (serial[0]! & 0x3f) | 0x40; // Positive, and in as few bytes as can be.
  const toBeSigned = sequence(
    der(0xa0, integer(Buffer.from([2]))),
    integer(serial),
    ECDSA_WITH_SHA256,
    nameOf(contents.issuer),
    sequence(timeOf(contents.notBeforeMs), timeOf(contents.notAfterMs)),
    nameOf(contents.subject),
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, sequence(contents.extension)),
  );
  return pemOf(sequence(toBeSigned, ECDSA_WITH_SHA256, bits(sign('sha256', toBeSigned, signer))));
};

/** A certificate authority of that name. */
export const createAuthority = (name: string): Authority => {
  const { publicKey, privateKey, key } = newKeys();
  const notBeforeMs = Date.now() - HOUR_MS;
  const extension = sequence(BASIC_CONSTRAINTS, yes, octets(sequence(yes)));
  const notAfterMs = notBeforeMs + 24 * HOUR_MS;
  const cert = certify({ subject: name, issuer: name, notBeforeMs, notAfterMs, extension }, publicKey, privateKey);
  return {
    cert,
    key,
    issue({ dnsNames = ['localhost'], addresses = ['127.0.0.1'], notAfterMs: endMs = notAfterMs } = {}) {
      const keys = newKeys();
      const names = [
        ...dnsNames.map((dnsName) => der(0x82, Buffer.from(dnsName))),
        ...addresses.map((address) => der(0x87, Buffer.from(address.split('.').map(Number)))),
      ];
      const contents: Contents = {
        subject: `${name}, a server`,
        issuer: name,
        notBeforeMs: Math.min(notBeforeMs, endMs - HOUR_MS),
        notAfterMs: endMs,
        extension: sequence(SUBJECT_ALT_NAME, octets(sequence(...names))),
      };
      return { cert: certify(contents, keys.publicKey, privateKey), key: keys.key };
    },
  };
};
