import fc from 'fast-check';
import { expect, test } from 'vitest';
import { KeySet } from '../../src/jwt/key-set.js';
import { readClaims } from '../../src/jwt/read-claims.js';
import { keysOfSecret } from '../../src/jwt/verification-key.js';
import { forge, SECRET, sign } from '../support/signed-tokens.js';

const set = new KeySet(keysOfSecret(SECRET, ['HS256'])!, { algorithms: ['HS256'] });

const instant = fc.option(fc.double({ min: 0, max: 1e12, noNaN: true }), { nil: undefined });
const payloads = fc.record(
  {
    jti: fc.string({ unit: 'grapheme', minLength: 1 }),
    sub: fc.string({ unit: 'grapheme' }),
    exp: instant,
    iat: instant,
  },
  { requiredKeys: ['jti'] },
);

/** Anything that is near to a token: parts of JSON, of base64, of neither. */
const nearTokens = fc.oneof(
  fc.tuple(fc.json(), fc.json(), fc.base64String()).map(([header, payload, end]) => {
    return `${Buffer.from(header).toString('base64url')}.${Buffer.from(payload).toString('base64url')}.${end}`;
  }),
  fc.array(fc.oneof(fc.base64String(), fc.string({ unit: 'binary' }))).map((parts) => parts.join('.')),
  fc.record({ jti: fc.anything(), sub: fc.anything(), exp: fc.anything() }).map((payload) => {
    try {
      return forge({ alg: 'HS256' }, payload, 'AA');
    } catch {
      return payload;
    }
  }),
  fc.anything(),
);

test('nothing makes it throw, and what it gives is what it promises', () => {
  fc.assert(
    fc.property(nearTokens, (token) => {
      const claims = readClaims(token);
      if (!claims) return;
      expect(typeof claims.jti === 'string' && claims.jti !== '').toBe(true);
      expect(['string', 'undefined']).toContain(typeof claims.sub);
      for (const at of [claims.exp, claims.iat]) expect(at === undefined || (at >= 0 && at < Infinity)).toBe(true);
    }),
    { numRuns: 2_000 },
  );
});

test('nothing makes the check of a signature throw, or pass what nobody signed', () => {
  fc.assert(
    fc.property(nearTokens, (token) => {
      expect(set.check(token)).toEqual({ refused: expect.any(String) as string });
    }),
    { numRuns: 2_000 },
  );
});

test('of a good token it reads what the verifier does', async () => {
  await fc.assert(
    fc.asyncProperty(payloads, async (payload) => {
      const token = await sign(SECRET, 'HS256', payload);
      expect(readClaims(token)).toEqual(payload);
      expect(set.check(token)).toEqual({ claims: payload });
    }),
    { numRuns: 300 },
  );
});

test('one letter of the signature or of what is signed makes it another', async () => {
  const token = await sign(SECRET, 'HS256', { jti: 'token-1', sub: 'me' });
  fc.assert(
    // The last letter has bits that mean nothing.
    fc.property(fc.nat(token.length - 2), fc.constantFrom('A', 'B', 'z', '0', '-', '_', '.'), (at, letter) => {
      fc.pre(token[at] !== letter);
      expect(set.check(token.slice(0, at) + letter + token.slice(at + 1))).toEqual({
        refused: expect.any(String) as string,
      });
    }),
    { numRuns: 500 },
  );
});
