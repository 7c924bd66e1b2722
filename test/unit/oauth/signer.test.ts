import { generateKeyPairSync, verify } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { signAssertion } from '../../../src/oauth/signer.js';
import { contextOf, failureOf } from '../../support/http-context.js';

const CLAIMS = { iss: 'reports', sub: 'reports', aud: 'https://issuer.example' };

const rsaPem = (modulusLength: number): string =>
  generateKeyPairSync('rsa', { modulusLength }).privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;

const sign = (privateKey: string): string => signAssertion(contextOf({}), { privateKey }, CLAIMS, 60_000);

describe('signAssertion', () => {
  it('takes no RSA key that RFC 7518 calls too small', async () => {
    expect(await failureOf(() => sign(rsaPem(1_024)))).toMatchObject({
      class: 'fatal',
      reason: 'secret_unreadable',
      message: expect.stringContaining('an RSA key of 2048 bits or more, got 1024') as string,
    });
  });

  it('minds no byte order mark before a JWK or a PEM', () => {
    const { privateKey, publicKey } = generateKeyPairSync('ed25519');
    const jwk = JSON.stringify(privateKey.export({ format: 'jwk' }));
    for (const text of [jwk, privateKey.export({ type: 'pkcs8', format: 'pem' }) as string]) {
      const [header, claims, signature] = sign(`\uFEFF${text}`).split('.');
      const signed = Buffer.from(`${header}.${claims}`);
      expect(verify(null, signed, publicKey, Buffer.from(signature!, 'base64url'))).toBe(true);
    }
  });
});
