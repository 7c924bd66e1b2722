import { expect, test } from 'vitest';
import { readClaims } from '../../../src/jwt/read-claims.js';
import { forge, SECRET, sign } from '../../support/signed-tokens.js';

test('what a token says, also of what is no ASCII', async () => {
  const claims = { jti: 'jöti-\u{1F511}', sub: '用户', exp: 5, iat: 1.5 };
  expect(readClaims(await sign(SECRET, 'HS256', { ...claims, more: 'of it' }))).toEqual(claims);
  expect(readClaims(await sign(SECRET, 'HS256'))).toEqual({ jti: 'token-1' });
});

test.each([
  undefined,
  null,
  5,
  {},
  '',
  'a',
  'a.b',
  'a.b.c',
  `${forge({}, { jti: 'a' }).split('.')[1]}A`,
  `a.${forge({}, { jti: 'a' }).split('.')[1]}A`,
  '.eyJqdGkiOiJhIn0',
  forge({}, 5),
  forge({}, null),
  forge({}, [{ jti: 'a' }]),
  forge({}, { sub: 'a' }),
  forge({}, { jti: 'a', exp: 'soon' }),
  forge({}, { jti: 'a', iat: null }),
  forge({}, { jti: 'a', sub: [] }),
  forge({}, JSON.parse('{"__proto__":{"jti":"a"}}')),
  `${forge({}, { jti: 'a' })}.five.parts`,
  forge({}, { jti: 'a', more: 'x'.repeat(70_000) }),
])('%# is malformed', (token) => {
  expect(readClaims(token)).toBeUndefined();
});
