// @ts-check
/**
 * Self-signed X.509 certificates (RFC 5280), made at run time with nothing but Node: as small as TLS takes them.
 */
import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';

/** DER (X.690): a tag, a length, the contents. @param {number} tag @param {Buffer[]} parts */
const der = (tag, ...parts) => {
  const contents = Buffer.concat(parts);
  const { length } = contents;
  const prefix = length < 0x80 ? [tag, length] : [tag, 0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from(prefix), contents]);
};
/** @param {Buffer[]} parts */
const sequence = (...parts) => der(0x30, ...parts);
/** @param {string} hex */
const oid = (hex) => der(0x06, Buffer.from(hex, 'hex'));
/** @param {string} text */
const nameOf = (text) => sequence(der(0x31, sequence(oid('550403'), der(0x0c, Buffer.from(text)))));
/** @param {number} atMs */
const timeOf = (atMs) => der(0x18, Buffer.from(`${new Date(atMs).toISOString().replaceAll(/[-:T]|\..*/g, '')}Z`));

/**
 * A certificate for 127.0.0.1, good for a day, and its private key, both PEM.
 *
 * @param {string} name @returns {{ cert: string, key: string }}
 */
export const selfSigned = (name) => {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const ecdsaWithSha256 = sequence(oid('2a8648ce3d040302'));
  const serial = randomBytes(8);
  serial[0] = 0x40; // Positive.
  const hourMs = 3_600_000;
  const subjectAltName = sequence(oid('551d11'), der(0x04, sequence(der(0x87, Buffer.from([127, 0, 0, 1])))));
  const contents = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))), // Version 3
    der(0x02, serial),
    ecdsaWithSha256,
    nameOf(name),
    sequence(timeOf(Date.now() - hourMs), timeOf(Date.now() + 23 * hourMs)),
    nameOf(name),
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, sequence(subjectAltName)),
  );
  const signature = der(0x03, Buffer.from([0]), sign('sha256', contents, privateKey));
  const base64 = sequence(contents, ecdsaWithSha256, signature).toString('base64').replaceAll(/.{64}/g, '$&\n');
  return {
    cert: `-----BEGIN CERTIFICATE-----\n${base64}\n-----END CERTIFICATE-----\n`,
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
};
