import { expect, test } from 'vitest';
import { check } from '../../../src/config/check.js';
import { jwtVerification } from '../../../src/jwt/jwt-options.js';
import { env, file } from '../../../src/secrets/references.js';
import { SECRET } from '../../support/signed-tokens.js';
import { makeKey } from '../../support/signing-keys.js';

const rsa = makeKey('rsa');
const jwks = { keys: [rsa.publicJwk] };
const jwksUrl = 'https://issuer.example/keys';

const problemsOf = (options: unknown): readonly string[] =>
  check(jwtVerification(), options, 'verify').problems.map(({ path, came }) => `${path}: ${came}`);

test.each([
  { jwks, algorithms: ['RS256'] },
  { jwksUrl, algorithms: ['RS256', 'EdDSA'], issuer: 'https://issuer.example', audience: ['a', 'b'] },
  { jwksUrl: new URL(jwksUrl), algorithms: ['ES256'], tls: { ca: file('/ca.pem') } },
  { jwksUrl: 'http://localhost/keys', algorithms: ['ES256'] },
  { jwksUrl: 'http://keys.internal/', algorithms: ['ES256'], allowInsecureHttp: true },
  { jwksFile: '/etc/keys.json', algorithms: ['ES256'] },
  { secret: SECRET, algorithms: ['HS256'] },
  { secret: env('SIGNING_SECRET'), algorithms: ['HS512'] },
  { secret: file('/run/secrets/signing'), algorithms: ['HS256', 'HS384'] },
])('good options have no problem: %#', (options) => {
  expect(problemsOf(options)).toEqual([]);
});

test('the defaults', () => {
  const { value } = check(jwtVerification(), { jwksUrl, algorithms: ['RS256'] });
  expect(value).toEqual({
    jwksUrl,
    algorithms: ['RS256'],
    jwksCacheMs: 600_000,
    jwksCooldownMs: 30_000,
    jwksTimeoutMs: 5_000,
    jwksStaleMs: 86_400_000,
  });
});

test.each<[string, unknown, readonly string[]]>([
  ['nothing to verify with', { algorithms: ['RS256'] }, ['verify: none of them']],
  ['two of them', { jwks, jwksUrl, algorithms: ['RS256'] }, ['verify: `jwksUrl` and `jwks`']],
  ['no algorithms', { jwks }, ['verify.algorithms: nothing']],
  ['an empty allow-list', { jwks, algorithms: [] }, ['verify.algorithms: a list of 0']],
  ['none', { jwks, algorithms: ['none'] }, ["verify.algorithms[0]: 'none' (string)"]],
  ['HMAC with keys', { jwks, algorithms: ['RS256', 'HS256'] }, ["verify.algorithms[1]: 'HS256'"]],
  ['HMAC with a URL', { jwksUrl, algorithms: ['HS256'] }, ["verify.algorithms[0]: 'HS256'"]],
  ['keys’ algorithms with a secret', { secret: SECRET, algorithms: ['RS256'] }, ["verify.algorithms[0]: 'RS256'"]],
  [
    'http',
    { jwksUrl: 'http://issuer.example/', algorithms: ['RS256'] },
    ['verify.jwksUrl: a URL that begins with http://'],
  ],
  [
    'a private key',
    { jwks: { keys: [JSON.parse(rsa.jwkText())] }, algorithms: ['RS256'] },
    ['verify.jwks.keys[0]: a private one'],
  ],
  ['no set', { jwks: [], algorithms: ['RS256'] }, ['verify.jwks: a list of 0']],
  ['a set of nothing for it', { jwks, algorithms: ['ES256'] }, ['verify.jwks: one without']],
  ['a secret that is too short', { secret: SECRET, algorithms: ['HS512'] }, ['verify.secret: another one']],
  ['an empty secret', { secret: '', algorithms: ['HS256'] }, ['verify.secret: an empty string']],
  [
    'what a secret has no use for',
    { secret: SECRET, algorithms: ['HS256'], jwksCacheMs: 5_000 },
    ['verify.jwksCacheMs: given'],
  ],
  ['a slip', { jwks, algorithms: ['RS256'], isuer: 'x' }, ['verify.isuer: an unknown one']],
  ['nothing at all', undefined, ['verify: nothing']],
])('%s is a problem', (_, options, problems) => {
  expect(problemsOf(options)).toEqual(problems);
});

test('no problem quotes a secret', () => {
  for (const options of [
    { secret: 'hunter2', algorithms: ['HS256'] },
    { secret: SECRET, algorithms: ['RS256'] },
  ]) {
    expect(JSON.stringify(check(jwtVerification(), options).problems)).not.toMatch(/hunter2|thirty-two/);
  }
});
