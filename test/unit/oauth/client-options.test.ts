/** What may be said of a client, and what not: every bad combination, with its place. */
import { describe, expect, it } from 'vitest';
import { env, literal } from '../../../src/secrets/references.js';
import { clientCredentialsGrant } from '../../../src/grants/client-credentials.js';
import { refreshTokenGrant } from '../../../src/grants/refresh-token.js';
import { jwtBearerGrant } from '../../../src/grants/jwt-bearer.js';
import { hideSecrets } from '../../../src/secrets/hide-secrets.js';

const CANARY = 'canary-d41d8cd98f00b204e9800998ecf8427e';
const tokenEndpoint = 'https://issuer.example/token';
const certificate = { cert: 'a certificate', key: literal(CANARY) };

/** Of client credentials; `clientSecret` is there unless it is changed. */
const problemsOf = (change: object, without: readonly string[] = []) => {
  const given = { tokenEndpoint, clientId: 'reports', clientSecret: literal(CANARY), ...change };
  const options = Object.fromEntries(Object.entries(given).filter(([key]) => !without.includes(key)));
  const { problems } = clientCredentialsGrant.check(options, 'a.provider');
  expect(JSON.stringify(problems)).not.toContain('canary');
  return problems;
};

const key = { privateKey: literal(CANARY) };
const algorithms = "'RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512' or 'EdDSA'";

describe('a client', () => {
  it.each<[string, object, readonly string[]]>([
    ['a secret', {}, []],
    ['a secret of the environment', { clientSecret: env('SECRET') }, []],
    ['a secret and how it is sent', { clientAuthentication: 'client_secret_post' }, []],
    ['a key', { clientAssertion: key }, ['clientSecret']],
    [
      'a key and all that there is to say of it',
      { clientAssertion: { ...key, keyId: '1', algorithm: 'PS512', audience: 'x' } },
      ['clientSecret'],
    ],
    ['a key and the method', { clientAssertion: key, clientAuthentication: 'private_key_jwt' }, ['clientSecret']],
    ['an assertion', { clientAssertion: literal(CANARY) }, ['clientSecret']],
    ['an assertion as a text', { clientAssertion: CANARY }, ['clientSecret']],
    ['a certificate', { tls: certificate }, ['clientSecret']],
    ['a certificate and the method', { tls: certificate, clientAuthentication: 'tls_client_auth' }, ['clientSecret']],
    [
      'a certificate of its own',
      { tls: certificate, clientAuthentication: 'self_signed_tls_client_auth' },
      ['clientSecret'],
    ],
    ['a secret over a connection that shows a certificate', { tls: certificate }, []],
  ])('may give %s', (_what, change, without) => {
    expect(problemsOf(change, without)).toEqual([]);
  });

  const assertion = 'an object with a `privateKey`, or a secret that is an assertion';
  const secret = 'a secret: env(), file() or a non-empty string';
  const method = 'a.provider.clientAuthentication';
  const absentBeside = (by: string) => `absent beside clientAuthentication '${by}'`;
  it.each<[string, object, readonly string[], string, string, string]>([
    [
      'a secret and a key',
      { clientAssertion: key },
      [],
      'a.provider',
      'an object with `clientSecret` or `clientAssertion`',
      'both',
    ],
    [
      'an assertion that is a number',
      { clientAssertion: 7 },
      ['clientSecret'],
      'a.provider.clientAssertion',
      assertion,
      'a number',
    ],
    [
      'an empty assertion',
      { clientAssertion: '' },
      ['clientSecret'],
      'a.provider.clientAssertion',
      assertion,
      'an empty string',
    ],
    [
      'a list of keys',
      { clientAssertion: [key] },
      ['clientSecret'],
      'a.provider.clientAssertion',
      assertion,
      'a list of 1',
    ],
    [
      'a key without the key',
      { clientAssertion: {} },
      ['clientSecret'],
      'a.provider.clientAssertion.privateKey',
      secret,
      'nothing',
    ],
    [
      'a key that is empty',
      { clientAssertion: { privateKey: '' } },
      ['clientSecret'],
      'a.provider.clientAssertion.privateKey',
      secret,
      'an empty string',
    ],
    [
      'a JWK that was parsed',
      { clientAssertion: { privateKey: { d: CANARY } } },
      ['clientSecret'],
      'a.provider.clientAssertion.privateKey',
      secret,
      'an object',
    ],
    [
      'bytes of a key',
      { clientAssertion: { privateKey: Buffer.from(CANARY) } },
      ['clientSecret'],
      'a.provider.clientAssertion.privateKey',
      secret,
      'an instance of Buffer',
    ],
    [
      'an algorithm that is none',
      { clientAssertion: { ...key, algorithm: 'HS256' } },
      ['clientSecret'],
      'a.provider.clientAssertion.algorithm',
      algorithms,
      "'HS256' (string)",
    ],
    [
      'an empty key id',
      { clientAssertion: { ...key, keyId: '' } },
      ['clientSecret'],
      'a.provider.clientAssertion.keyId',
      'a non-empty string',
      "'' (string)",
    ],
    [
      'an audience that is a list',
      { clientAssertion: { ...key, audience: ['x'] } },
      ['clientSecret'],
      'a.provider.clientAssertion.audience',
      'a non-empty string',
      'a list of 1',
    ],
    [
      'a misspelt key id',
      { clientAssertion: { ...key, keyid: '1' } },
      ['clientSecret'],
      'a.provider.clientAssertion.keyid',
      'a known option (did you mean `keyId`?)',
      'an unknown one',
    ],
    [
      'a method that is none',
      { clientAuthentication: 'client_secret_jwt' },
      [],
      method,
      "'client_secret_basic', 'client_secret_post', 'private_key_jwt', 'tls_client_auth', 'self_signed_tls_client_auth' or 'none'",
      "'client_secret_jwt' (string)",
    ],
    [
      'a key by the method of a secret',
      { clientAssertion: key, clientAuthentication: 'client_secret_basic' },
      ['clientSecret'],
      method,
      'used with `clientSecret`',
      "'client_secret_basic' without it",
    ],
    [
      'a certificate that is not there',
      { tls: { ca: 'x' }, clientAuthentication: 'tls_client_auth' },
      ['clientSecret'],
      method,
      'used with `tls` with `cert` and `key`',
      "'tls_client_auth' without it",
    ],
    [
      'a secret beside the method of a certificate',
      { tls: certificate, clientAuthentication: 'tls_client_auth' },
      [],
      'a.provider.clientSecret',
      absentBeside('tls_client_auth'),
      'given',
    ],
    [
      'a key beside the method of a certificate',
      { tls: certificate, clientAssertion: key, clientAuthentication: 'self_signed_tls_client_auth' },
      ['clientSecret'],
      'a.provider.clientAssertion',
      absentBeside('self_signed_tls_client_auth'),
      'given',
    ],
    [
      'half a certificate',
      { tls: { cert: 'x' } },
      [],
      'a.provider.tls',
      'an object with `cert` and `key` together',
      'one of them',
    ],
    [
      'a method that proves nothing',
      { clientAuthentication: 'none' },
      ['clientSecret'],
      'a.provider.clientAuthentication',
      "absent, or not 'none': this grant needs a client that proves its identity",
      "'none'",
    ],
    ['no name', { clientId: undefined }, [], 'a.provider.clientId', 'a non-empty string', 'nothing'],
  ])('may not give %s', (_what, change, without, path, expected, came) => {
    expect(problemsOf(change, without)).toContainEqual({ path, expected, came });
  });

  it('is told of a secret that it gives beside the method none, and that none proves nothing', () => {
    expect(problemsOf({ clientAuthentication: 'none' })).toEqual([
      {
        path: method,
        expected: "absent, or not 'none': this grant needs a client that proves its identity",
        came: "'none'",
      },
      { path: 'a.provider.clientSecret', expected: absentBeside('none'), came: 'given' },
    ]);
  });

  it.each(['clientSecret', 'clientAssertion'])('is not without %s because a variable was not set', (name) => {
    const options = { tokenEndpoint, clientId: 'reports', refreshToken: 'x', rotation: 'reusable', [name]: undefined };
    expect(refreshTokenGrant.check(options, '').problems).toEqual([
      { path: name, expected: 'a secret (or not there at all, for a client without one)', came: 'nothing' },
    ]);
  });

  it('may be left out where the grant says it all, but not half of it', () => {
    const grant = { tokenEndpoint, assertion: 'a.b.c' };
    expect(jwtBearerGrant.check(grant, '').problems).toEqual([]);
    expect(jwtBearerGrant.check({ ...grant, tls: certificate }, '').problems).toEqual([]);
    const lacking = { path: 'clientId', came: 'nothing' };
    expect(jwtBearerGrant.check({ ...grant, clientSecret: 'x' }, '').problems).toMatchObject([lacking]);
    expect(jwtBearerGrant.check({ ...grant, clientAssertion: key }, '').problems).toMatchObject([lacking]);
    expect(
      jwtBearerGrant.check({ ...grant, tls: certificate, clientAuthentication: 'tls_client_auth' }, '').problems,
    ).toMatchObject([lacking]);
  });

  it('is checked in the form that crosses to the actor as well', () => {
    const options = hideSecrets({ tokenEndpoint, clientId: 'a', clientAssertion: { privateKey: CANARY } });
    expect(clientCredentialsGrant.check(options, '').problems).toEqual([]);
  });
});
