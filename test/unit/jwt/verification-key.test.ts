import { createPublicKey, generateKeyPairSync, randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { keysOfSecret, keysOfSet } from '../../../src/jwt/verification-key.js';
import { createAuthority } from '../../support/certificates.js';
import { makeKey } from '../../support/signing-keys.js';

const rsa = makeKey('rsa');

const algorithmsOf = (jwk: unknown): readonly string[] | undefined => keysOfSet({ keys: [jwk] })?.[0]?.algorithms;

test.each([undefined, null, [], 'x', {}, { keys: {} }, { keys: null }])('%j is no set', (set) => {
  expect(keysOfSet(set)).toBeUndefined();
});

test('an empty set is one', () => {
  expect(keysOfSet({ keys: [] })).toEqual([]);
});

test('what a key can be used for is what it is, and what it says', () => {
  expect(algorithmsOf(rsa.publicJwk)).toEqual(['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512']);
  expect(algorithmsOf({ ...rsa.publicJwk, alg: 'PS256', use: 'sig', key_ops: ['verify'] })).toEqual(['PS256']);
  expect(algorithmsOf(makeKey('P-384').publicJwk)).toEqual(['ES384']);
  expect(algorithmsOf(makeKey('ed25519').publicJwk)).toEqual(['EdDSA']);
});

test.each<[string, unknown]>([
  ['for encryption', { ...rsa.publicJwk, use: 'enc' }],
  ['for other operations', { ...rsa.publicJwk, key_ops: ['encrypt'] }],
  ['of an algorithm that is another kind’s', { ...rsa.publicJwk, alg: 'ES256' }],
  ['of HMAC', { ...rsa.publicJwk, alg: 'HS256' }],
  ['symmetric', { kty: 'oct', k: 'AAAA', alg: 'HS256' }],
  ['of a curve that we do not know', makeKey('secp256k1').publicJwk],
  ['of a curve that is for agreements', makeKey('x25519').publicJwk],
  ['of one kind with the curve of another', { ...makeKey('ed25519').publicJwk, kty: 'EC' }],
  ['of a name that every object has', { kty: 'EC', crv: 'constructor', x: 'a', y: 'b' }],
  ['not whole', { kty: 'RSA', e: 'AQAB' }],
  ['no point of its curve', { ...makeKey('P-256').publicJwk, x: makeKey('P-256').publicJwk.x }],
  ['too short', generateKeyPairSync('rsa', { modulusLength: 1_024 }).publicKey.export({ format: 'jwk' })],
  // 1, by which a signature is its own text; 2, 0, and 65,536.
  ...['AQ', 'Ag', 'AA', 'AQAA'].map((e): [string, unknown] => [`of the exponent ${e}`, { ...rsa.publicJwk, e }]),
  ['no object', 5],
])('a key that is %s is left out, and no others', (_, jwk) => {
  expect(keysOfSet({ keys: [jwk, { ...rsa.publicJwk, kid: 'good' }] })?.map(({ kid }) => kid)).toEqual(['good']);
});

test('of a private key only the public one is kept', () => {
  const [key] = keysOfSet({ keys: [JSON.parse(rsa.jwkText())] }) ?? [];
  expect(key?.material).toBe(rsa.publicPem);
});

test('a secret is as long as the longest hash, and has HMAC algorithms alone', () => {
  expect(keysOfSecret('a'.repeat(31), ['HS256'])).toBeUndefined();
  expect(keysOfSecret('a'.repeat(32), ['HS256'])?.[0]?.algorithms).toEqual(['HS256']);
  expect(keysOfSecret('a'.repeat(63), ['HS256', 'HS512'])).toBeUndefined();
  expect(keysOfSecret('ä'.repeat(32), ['HS256', 'HS512'])?.[0]?.algorithms).toEqual(['HS256', 'HS512']);
});

test.each([
  rsa.publicPem,
  `  ${rsa.publicPem}`,
  rsa.pem,
  JSON.stringify(rsa.publicJwk),
  JSON.stringify({ keys: [makeKey('ed25519').publicJwk] }, null, 2),
])('a key that is no secret is not taken for one: anybody could sign by it (%#)', (text) => {
  expect(keysOfSecret(text, ['HS256'])).toBeUndefined();
});

/** RFC 4253 §6.6. */
const sshKey = (jwk: Readonly<Record<string, unknown>>): string => {
  const field = (bytes: Buffer): Buffer => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    return Buffer.concat([length, bytes]);
  };
  const number = (value: unknown): Buffer =>
    Buffer.concat([Buffer.from([0]), Buffer.from(value as string, 'base64url')]);
  const fields = [Buffer.from('ssh-rsa'), number(jwk['e']), number(jwk['n'])];
  return Buffer.concat(fields.map(field)).toString('base64');
};
const bodyOf = (pem: string): string => pem.replaceAll(/-----[^-]+-----/g, '').trim();
const ssh = sshKey(rsa.publicJwk);
const { cert } = createAuthority('an authority');
const der = Buffer.from(bodyOf(rsa.publicPem), 'base64');
const pkcs1 = createPublicKey(rsa.publicPem).export({ type: 'pkcs1', format: 'der' });

test.each([
  ['a body in lines', bodyOf(rsa.publicPem)],
  ['a body in one line', bodyOf(rsa.publicPem).replaceAll('\n', '')],
  ['a body with line breaks as an environment has them', bodyOf(rsa.publicPem).replaceAll('\n', '\\n')],
  ['a body of a curve', bodyOf(makeKey('P-256').publicPem)],
  ['a body of Ed25519', bodyOf(makeKey('ed25519').publicPem)],
  ['a body of a private key', bodyOf(rsa.pem)],
  ['a body of a certificate', bodyOf(cert)],
  ['PKCS #1', pkcs1.toString('base64')],
  ['base64url', der.toString('base64url')],
  ['hexadecimal', der.toString('hex')],
  ['a key of SSH', `ssh-rsa ${ssh} ann@host`],
  ['a line of authorized_keys', `no-pty,command="x y" ssh-rsa ${ssh} ann@host`],
  ['the body of a key of SSH', ssh],
  ['a key of SSH in its own form', `---- BEGIN SSH2 PUBLIC KEY ----\n${ssh}\n---- END SSH2 PUBLIC KEY ----`],
  ['a curve of SSH', `ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBA==`],
])('a published key without its header lines was taken for a secret: %s', (_, text) => {
  expect(keysOfSecret(text, ['HS256'])).toBeUndefined();
});

const base64 = (text: string): string => Buffer.from(text).toString('base64');
const hex = der.toString('hex');
const jwk = JSON.stringify(rsa.publicJwk);

test.each([
  ['Base64 of a PEM', base64(rsa.publicPem)],
  ['Base64 of a certificate', base64(cert)],
  ['Base64 of a body', base64(bodyOf(rsa.publicPem))],
  ['Base64 of a JWK', base64(jwk)],
  ['base64url of a JWK set', Buffer.from(JSON.stringify({ keys: [rsa.publicJwk] })).toString('base64url')],
  ['Base64 of a line of SSH', base64(`ssh-rsa ${ssh} ann@host`)],
  ['hexadecimal of a PEM', Buffer.from(rsa.publicPem).toString('hex')],
  ['a body in quotes', `"${bodyOf(rsa.publicPem).replaceAll('\n', '')}"`],
  ['a body in single quotes', `'${der.toString('base64url')}'`],
  ['a body with a comma at its end', `${der.toString('base64')},`],
  ['lines in quotes', bodyOf(rsa.publicPem).replaceAll(/^.*$/gm, '"$&",')],
  ['hexadecimal with 0x', `0x${hex}`],
  ['hexadecimal in capitals, with 0x', `0X${hex.toUpperCase()}`],
  ['hexadecimal with colons', hex.replaceAll(/..(?=.)/g, '$&:')],
  ['bytes of a program', hex.replaceAll(/../g, '0x$&, ')],
  ['a data URL of DER', `data:application/x-x509;base64,${der.toString('base64')}`],
  ['a data URL of a PEM, in quotes', `"data:application/x-pem-file;charset=utf-8;base64,${base64(rsa.publicPem)}"`],
  ['JSON within JSON', JSON.stringify(jwk)],
  ['JSON within JSON within JSON', JSON.stringify(JSON.stringify(jwk))],
  ['Base64 of JSON within JSON', base64(JSON.stringify(jwk))],
  ['a JWK in single quotes', jwk.replaceAll('"', "'")],
])('a published key that was written in a common way was taken for a secret: %s', (_, text) => {
  expect(keysOfSecret(text, ['HS256'])).toBeUndefined();
});

test.each(['base64', 'base64url', 'hex', 'utf8', 'latin1'] as const)('random bytes in %s are a secret', (encoding) => {
  // Each byte that a key or its text begins with, too.
  const first = fc.constantFrom(
    ...[[], [0x30], [0x30, 0x82], [0x30, 0x30], [0, 0, 0, 7]].map((bytes) => Buffer.from(bytes)),
  );
  const bytes = fc.uint8Array({ minLength: 32, maxLength: 64 });
  fc.assert(
    fc.property(first, bytes, (head, rest) => {
      const text = Buffer.concat([head, rest]).toString(encoding);
      expect(keysOfSecret(text, ['HS256'])).toHaveLength(1);
    }),
    { numRuns: 2_000 },
  );
});

test.each([
  randomBytes(64).toString('base64'),
  randomBytes(64).toString('hex'),
  Buffer.concat([Buffer.from([0x30, 0x82]), randomBytes(62)]).toString('base64'),
  'a secret of words, that ssh-rsa is in, of thirty-two bytes',
])('what only looks like one is a secret (%#)', (text) => {
  expect(keysOfSecret(text, ['HS256'])).toHaveLength(1);
});
