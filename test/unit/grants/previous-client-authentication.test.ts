import { describe, expect, test } from 'vitest';
import {
  clientCredentials,
  env,
  file,
  fileStore,
  googleServiceAccount,
  jwtBearer,
  refreshToken,
  tokenExchange,
} from '../../../src/grants/index.js';
import { previousAuthentication } from '../../../src/grants/previous-client-authentication.js';

const issuer = 'https://login.example';
const client = { issuer, clientId: 'reports' };

test('of another provider, or another export of a module, there is none', () => {
  const next = clientCredentials({ ...client, clientSecret: 'new' });
  expect(previousAuthentication(refreshToken({ ...client, refreshToken: 'r', store: 'memory' }), next)).toBeUndefined();
  const own = { module: 'file:///own.js', export: 'one', options: {}, fenceable: true };
  expect(previousAuthentication(own, { ...own, export: 'other' })).toBeUndefined();
});

describe('what is tried in place of the newer options', () => {
  const optionsOf = (before: object, next: object): unknown =>
    previousAuthentication(clientCredentials(before as never), clientCredentials(next as never))?.previous.options;

  test('has the older proof of the client, and all else of the newer', () => {
    const [before, next] = [
      { ...client, clientId: 'old', clientSecret: env('OLD'), scope: 'read', parameters: { a: '1' } },
      { ...client, clientSecret: env('NEW'), scope: 'write', audience: 'api' },
    ];
    const options = optionsOf(before, next);
    expect(options).toEqual({
      ...next,
      clientId: 'old',
      clientSecret: expect.objectContaining({ name: 'OLD' }) as unknown,
    });
  });

  test('has one proof, where the newer options prove it in another way', () => {
    const clientAssertion = { privateKey: file('/run/key.pem') };
    const options = optionsOf(
      { ...client, clientSecret: env('OLD'), clientAuthentication: 'client_secret_post' },
      { ...client, clientAssertion, clientAuthentication: 'private_key_jwt' },
    );
    expect(options).toMatchObject({ clientAuthentication: 'client_secret_post' });
    expect(options).not.toHaveProperty('clientAssertion');
  });

  test('has the older certificate, and trusts whom the newer options trust', () => {
    const [cert, key] = [file('/old/cert.pem'), file('/old/key.pem')];
    const before = { ...client, tls: { ca: 'old', cert, key } };
    const next = { ...client, tls: { ca: 'new', cert: file('/new/cert.pem'), key: file('/new/key.pem') } };
    expect(optionsOf(before, next)).toEqual({ ...client, tls: { ca: expect.anything() as unknown, cert, key } });
    expect(JSON.stringify((optionsOf(before, next) as typeof before).tls.ca)).toBe(
      JSON.stringify((clientCredentials(next).options as typeof before).tls.ca),
    );
    // The older has none, or the newer.
    expect(optionsOf({ ...client, clientSecret: 'old' }, { ...client, tls: { cert, key } })).not.toHaveProperty('tls');
    expect(optionsOf({ ...client, tls: { cert, key } }, { ...client, clientSecret: 'new' })).toMatchObject({
      tls: { cert, key },
    });
  });

  test('of a module of the user is all that it had', () => {
    const before = { module: 'file:///own.js', export: 'default', options: { key: 'old', region: 1 }, fenceable: true };
    expect(previousAuthentication(before, { ...before, options: { key: 'new', region: 2 } })).toEqual({
      previous: before,
      refusals: ['invalid_client'],
    });
  });
});

describe('what says that the newer proof is not known', () => {
  const store = fileStore('/var/lib/token.json');
  test.each([
    ['a client', clientCredentials({ ...client, clientSecret: 's' }), ['invalid_client']],
    ['a refresh token', refreshToken({ ...client, refreshToken: 'r', store }), ['invalid_client']],
    ['a token to exchange', tokenExchange({ ...client, subjectToken: 's' }), ['invalid_client']],
    ['an assertion', jwtBearer({ issuer, assertion: 'a' }), ['invalid_client', 'invalid_grant']],
    ['a key file', googleServiceAccount({ keyFile: 'k', scope: 'read' }), ['invalid_client', 'invalid_grant']],
  ])('of %s', (_of, spec, refusals) => {
    expect(previousAuthentication(spec, spec)?.refusals).toEqual(refusals);
  });

  test('an assertion and a key file are proofs, the store of a refresh token is none', () => {
    const [old, next] = [file('/old'), file('/new')];
    expect(
      previousAuthentication(jwtBearer({ issuer, assertion: old }), jwtBearer({ issuer, assertion: next }))?.previous,
    ).toEqual(jwtBearer({ issuer, assertion: old }));
    expect(
      previousAuthentication(
        googleServiceAccount({ keyFile: old, scope: 'read' }),
        googleServiceAccount({ keyFile: next, scope: 'write' }),
      )?.previous,
    ).toEqual(googleServiceAccount({ keyFile: old, scope: 'write' }));
    const kept = { ...client, refreshToken: 'r' };
    expect(
      previousAuthentication(
        refreshToken({ ...kept, store: 'memory', clientSecret: 'old' }),
        refreshToken({ ...kept, store, clientSecret: 'new' }),
      )?.previous.options,
    ).toMatchObject({ store });
  });
});
