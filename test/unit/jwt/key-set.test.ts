import { createHmac } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { JwtAlgorithm } from '../../../src/jwt/algorithms.js';
import { KeySet } from '../../../src/jwt/key-set.js';
import { keysOfSecret, keysOfSet } from '../../../src/jwt/verification-key.js';
import { forge, SECRET, sign } from '../../support/signed-tokens.js';
import { makeKey, type KeyKind, type TestKey } from '../../support/signing-keys.js';

const rsa = makeKey('rsa');
const otherRsa = makeKey('rsa');
const p256 = makeKey('P-256');

interface Named {
  readonly key: TestKey;
  readonly more?: object;
}

const setOf = (keys: readonly Named[], algorithms: readonly JwtAlgorithm[], more: object = {}): KeySet => {
  const jwks = keys.map(({ key, more: members }) => ({ ...key.publicJwk, ...members }));
  return new KeySet(keysOfSet({ keys: jwks }) ?? [], { algorithms, ...more });
};

const secretSet = (algorithms: readonly JwtAlgorithm[] = ['HS256']): KeySet =>
  new KeySet(keysOfSecret(SECRET, algorithms) ?? [], { algorithms });

const good = { claims: { jti: 'token-1' } };

describe('what is accepted', () => {
  test.each<[JwtAlgorithm, KeyKind]>([
    ['RS256', 'rsa'],
    ['RS384', 'rsa'],
    ['RS512', 'rsa'],
    ['PS256', 'rsa'],
    ['PS384', 'rsa'],
    ['PS512', 'rsa'],
    ['ES256', 'P-256'],
    ['ES384', 'P-384'],
    ['ES512', 'P-521'],
    ['EdDSA', 'ed25519'],
  ])('%s', async (algorithm, kind) => {
    const key = kind === 'rsa' ? rsa : makeKey(kind);
    const other = kind === 'rsa' ? otherRsa : makeKey(kind);
    expect(setOf([{ key }], [algorithm]).check(await sign(key, algorithm))).toEqual(good);
    expect(setOf([{ key: other }], [algorithm]).check(await sign(key, algorithm))).toEqual({
      refused: 'signature',
    });
  });

  test.each<JwtAlgorithm>(['HS256', 'HS384', 'HS512'])('%s', async (algorithm) => {
    const secret = SECRET.repeat(2);
    const set = new KeySet(keysOfSecret(secret, [algorithm]) ?? [], { algorithms: [algorithm] });
    expect(set.check(await sign(secret, algorithm))).toEqual(good);
    expect(set.check(await sign(`${secret}!`, algorithm))).toEqual({ refused: 'signature' });
  });

  test('with a secret a `kid` says nothing', async () => {
    expect(secretSet().check(await sign(SECRET, 'HS256', undefined, { kid: 'of no meaning' }))).toEqual(good);
  });

  test('the claims that are used, and none else', async () => {
    const claims = { jti: 'a', sub: 'b', exp: 2_000_000_000.5, iat: 1 };
    const token = await sign(SECRET, 'HS256', { ...claims, email: 'me@example.com' });
    expect(secretSet().check(token)).toEqual({ claims });
  });

  test('one that has expired, and one that is not valid yet', async () => {
    const token = await sign(SECRET, 'HS256', { jti: 'a', exp: 1, nbf: 4_000_000_000 });
    expect(secretSet().check(token)).toEqual({ claims: { jti: 'a', exp: 1 } });
  });
});

describe('the key', () => {
  test('is the one that the token names', async () => {
    const set = setOf(
      [
        { key: rsa, more: { kid: 'one' } },
        { key: otherRsa, more: { kid: 'two' } },
      ],
      ['RS256'],
    );
    expect(set.check(await sign(otherRsa, 'RS256', undefined, { kid: 'two' }))).toEqual(good);
    expect(set.check(await sign(otherRsa, 'RS256', undefined, { kid: 'one' }))).toEqual({ refused: 'signature' });
    expect(set.check(await sign(otherRsa, 'RS256', undefined, { kid: 'three' }))).toEqual({ refused: 'unknown_key' });
    expect(set.check(await sign(otherRsa, 'RS256'))).toEqual({ refused: 'ambiguous_key' });
  });

  test('is the only one that fits, of a token that names none', async () => {
    const keys = [{ key: rsa, more: { kid: 'one' } }, { key: p256 }];
    const set = setOf(keys, ['RS256', 'ES256', 'ES384']);
    expect(set.check(await sign(rsa, 'RS256'))).toEqual(good);
    expect(set.check(await sign(p256, 'ES256'))).toEqual(good);
    expect(set.check(await sign(makeKey('P-384'), 'ES384'))).toEqual({ refused: 'unknown_key' });
  });

  test('without a name is not the one that a token names', async () => {
    expect(setOf([{ key: rsa }], ['RS256']).check(await sign(rsa, 'RS256', undefined, { kid: 'one' }))).toEqual({
      refused: 'unknown_key',
    });
  });

  test('of one name twice is refused', async () => {
    const set = setOf(
      [
        { key: rsa, more: { kid: 'one' } },
        { key: otherRsa, more: { kid: 'one' } },
      ],
      ['RS256'],
    );
    expect(set.check(await sign(rsa, 'RS256', undefined, { kid: 'one' }))).toEqual({ refused: 'ambiguous_key' });
  });

  test('is used for its own `alg` alone', async () => {
    const set = setOf([{ key: rsa, more: { alg: 'RS512' } }], ['RS256', 'RS512']);
    expect(set.check(await sign(rsa, 'RS512'))).toEqual(good);
    expect(set.check(await sign(rsa, 'RS256'))).toEqual({ refused: 'unknown_key' });
  });
});

describe('what a token says of itself is not believed', () => {
  test('an HMAC with the text of a public key, in any form, is refused', () => {
    const { publicPem, publicJwk } = rsa;
    for (const algorithms of [['RS256'], ['RS256', 'HS256']] satisfies JwtAlgorithm[][]) {
      const set = setOf([{ key: rsa, more: { kid: 'one' } }], algorithms);
      for (const text of [publicPem, publicPem.trim(), JSON.stringify(publicJwk), publicJwk.n!]) {
        for (const header of [{ alg: 'HS256' }, { alg: 'HS256', kid: 'one' }]) {
          const unsigned = forge(header, { jti: 'token-1' }).slice(0, -1);
          const signature = createHmac('sha256', text).update(unsigned).digest('base64url');
          const outcome = set.check(`${unsigned}.${signature}`);
          expect(outcome).toEqual({ refused: algorithms.length === 1 ? 'algorithm' : 'unknown_key' });
        }
      }
    }
  });

  test.each(['none', 'None', 'NONE', '', undefined, null, 5, ['RS256'], 'RS256 ', 'rs256', 'constructor'])(
    'alg %j is refused',
    (alg) => {
      const set = setOf([{ key: rsa }], ['RS256']);
      expect(set.check(forge({ alg }, { jti: 'token-1' }))).toEqual({ refused: 'algorithm' });
    },
  );

  test('no signature is none, whatever the algorithm', () => {
    expect(setOf([{ key: rsa }], ['RS256']).check(forge({ alg: 'RS256' }, { jti: 'a' }))).toEqual({
      refused: 'signature',
    });
    expect(secretSet().check(forge({ alg: 'HS256' }, { jti: 'a' }))).toEqual({ refused: 'signature' });
  });

  test('a signature that is too short or too long is none', async () => {
    const token = await sign(p256, 'ES256');
    for (const one of [token.slice(0, -4), `${token}AAAA`, `${token}A`]) {
      expect(setOf([{ key: p256 }], ['ES256']).check(one)).toEqual({ refused: 'signature' });
    }
  });

  test('a key that comes with the token is not looked at', async () => {
    const header = { jwk: otherRsa.publicJwk, jku: 'https://evil.example/keys', x5c: ['x'] };
    expect(setOf([{ key: rsa }], ['RS256']).check(await sign(otherRsa, 'RS256', undefined, header))).toEqual({
      refused: 'signature',
    });
  });

  test('what must be understood, and is not, is refused', () => {
    const unsigned = forge({ alg: 'HS256', crit: ['b64'], b64: true }, { jti: 'a' }).slice(0, -1);
    const signature = createHmac('sha256', SECRET).update(unsigned).digest('base64url');
    expect(secretSet().check(`${unsigned}.${signature}`)).toEqual({ refused: 'critical_header' });
  });

  test('a signature of another payload is refused', async () => {
    const [header, , signature] = (await sign(rsa, 'RS256')).split('.');
    const payload = Buffer.from('{"jti":"another"}').toString('base64url');
    expect(setOf([{ key: rsa }], ['RS256']).check(`${header}.${payload}.${signature}`)).toEqual({
      refused: 'signature',
    });
  });
});

describe('issuer and audience', () => {
  const rules = { algorithms: ['HS256'], issuer: ['https://a.example', 'https://b.example'], audience: 'me' } as const;
  const set = new KeySet(keysOfSecret(SECRET, ['HS256'])!, rules);
  const refused = { refused: 'issuer_or_audience' };
  const payload = { jti: 'token-1', iss: 'https://b.example', aud: ['you', 'me'] };

  test.each([
    [payload, good],
    [{ ...payload, aud: 'me' }, good],
    [{ ...payload, iss: 'https://c.example' }, refused],
    [{ ...payload, iss: undefined }, refused],
    [{ ...payload, iss: 'https://b.example/' }, refused],
    [{ ...payload, aud: 'you' }, refused],
    [{ ...payload, aud: undefined }, refused],
    [{ ...payload, aud: [] }, refused],
    [{ ...payload, aud: 5 }, refused],
  ])('%j', async (claims, outcome) => {
    expect(set.check(await sign(SECRET, 'HS256', claims))).toEqual(outcome);
  });
});

describe('claims', () => {
  test.each([
    {},
    { jti: '' },
    { jti: 5 },
    { jti: null },
    { jti: 'a', sub: 5 },
    { jti: 'a', sub: null },
    { jti: 'a', exp: '5' },
    { jti: 'a', exp: -1 },
    { jti: 'a', iat: {} },
    { jti: 'a', iat: true },
  ])('%j is refused', async (payload) => {
    const unsigned = forge({ alg: 'HS256' }, payload).slice(0, -1);
    const signature = createHmac('sha256', SECRET).update(unsigned).digest('base64url');
    expect(secretSet().check(`${unsigned}.${signature}`)).toEqual({ refused: 'claims' });
    expect(secretSet().check(await sign(SECRET, 'HS256'))).toEqual(good);
  });

  test('an instant past all numbers is refused', () => {
    const [header] = forge({ alg: 'HS256' }, {}).split('.');
    const unsigned = `${header}.${Buffer.from('{"jti":"a","exp":1e999}').toString('base64url')}`;
    const signature = createHmac('sha256', SECRET).update(unsigned).digest('base64url');
    expect(secretSet().check(`${unsigned}.${signature}`)).toEqual({ refused: 'claims' });
  });
});

describe('what is no token', () => {
  test.each([undefined, null, 5, {}, '', '.', '..', 'a.b.c', '\u{1F600}.e30.e30'])('%j', (token) => {
    expect(secretSet().check(token)).toEqual({ refused: 'malformed' });
  });

  test.each(['e30.e30.', 'e30.e30.e30.e30.e30'])('%j', (token) => {
    expect(secretSet().check(token)).toEqual({ refused: 'algorithm' });
  });

  test('one that is longer than any', async () => {
    const token = await sign(SECRET, 'HS256', { jti: 'a'.repeat(70_000) });
    expect(secretSet().check(token)).toEqual({ refused: 'malformed' });
  });

  test('five parts with a good header', () => {
    expect(secretSet().check(`${forge({ alg: 'HS256' }, { jti: 'a' }, 'AA')}.AA.AA`)).toEqual({ refused: 'malformed' });
  });
});
