/** The JWT bearer grant (RFC 7523 §2.1), at a server that verifies all that an assertion says. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { SignJWT } from 'jose';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { credential } from 'tokenvisor';
import {
  clientCredentials,
  file,
  jwtBearer,
  tokenOf,
  type AssertionOptions,
  type JwtBearerOptions,
} from 'tokenvisor/providers';
import { type AuthorizationServer, startAuthorizationServer } from '../support/authorization-server.mjs';
import { makeKey } from '../support/signing-keys.js';
import { cleanUp, eventually, supervise } from '../support/supervised.js';

let server: AuthorizationServer;
/** Whose access tokens `server` takes for assertions. */
let other: AuthorizationServer;
const folder = mkdtempSync(path.join(tmpdir(), 'tokenvisor-bearer-'));
const [key, stranger, clientKey] = [makeKey('P-256'), makeKey('P-256'), makeKey('ed25519')];
const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer';

const grants = [JWT_BEARER];

beforeAll(async () => {
  other = await startAuthorizationServer({ resource: 'urn:example:tokens', accessTokenTtlS: 60 });
  const keysOfOther = (await (await fetch(other.jwksUrl)).json()) as { keys: object[] };
  const keys = [{ ...key.publicJwk, kid: 'key-1' }];
  server = await startAuthorizationServer({
    accessTokenTtlS: 60,
    withoutClient: true,
    clients: [
      { clientId: 'by-secret', clientSecret: 'the secret of a client', grants },
      { clientId: 'by-key', authentication: 'private_key_jwt', keys: [clientKey.publicJwk], grants },
      { clientId: 'public', authentication: 'none', grants },
      { clientId: 'not-allowed', clientSecret: 'the secret of another' },
    ],
    trusted: [
      { issuer: 'reports', keys, subjects: ['reports', 'anne'] },
      { issuer: 'tenant', keys, subjects: ['tenant'], claims: { tenant: 'eu', level: 3 } },
      { issuer: other.issuer, keys: keysOfOther.keys, subjects: ['reports'], audiences: [other.resource] },
    ],
  });
});
afterAll(async () => {
  await Promise.all([server.close(), other.close()]);
  rmSync(folder, { recursive: true });
});
afterEach(cleanUp);

const asking = (assertion: Partial<AssertionOptions>, more: Partial<JwtBearerOptions> = {}) =>
  credential({
    provider: jwtBearer({
      issuer: server.issuer,
      assertion: { privateKey: key.pem, issuer: 'reports', ...assertion },
      ...more,
    }),
  });

const lastSeen = async () => (await server.seen()).at(-1)!;

test('without a client: the assertion says it all, and is another one for each attempt', async () => {
  const { children } = await supervise({ a: asking({ keyId: 'key-1' }, { scope: 'read' }) });
  expect((await children.a.get()).scopes).toEqual(['read']);
  const first = await lastSeen();
  expect(first).toMatchObject({ status: 200, clientId: null, issued: { sub: 'reports', scope: 'read' } });
  expect([...first.parameters].sort()).toEqual(['assertion', 'grant_type', 'scope']);
  const { header, payload } = first.assertion!;
  expect(header).toEqual({ alg: 'ES256', typ: 'JWT', kid: 'key-1' });
  expect(payload).toEqual({
    ...{ iss: 'reports', sub: 'reports', aud: server.issuer },
    ...{ iat: payload.iat, exp: payload.iat + 300, jti: expect.stringMatching(/^[\da-f-]{36}$/) as string },
  });
  await children.a.refresh();
  const second = (await lastSeen()).assertion!.payload;
  expect(second.jti).not.toBe(payload.jti);
});

test('with a client, by its secret, its own assertion, or its name alone', async () => {
  const { supervisor } = await supervise({
    'by-secret': asking({}, { clientId: 'by-secret', clientSecret: 'the secret of a client' }),
    'by-key': asking({}, { clientId: 'by-key', clientAssertion: { privateKey: clientKey.pem } }),
    public: asking({}, { clientId: 'public' }),
  });
  await supervisor.ready();
  const seen = (await server.seen()).slice(-3);
  expect(new Set(seen.map(({ issued }) => issued?.['client_id']))).toEqual(new Set(['by-secret', 'by-key', 'public']));
  for (const { issued } of seen) expect(issued?.sub).toBe('reports');
  // Two assertions in one request: who asks, and on what grounds.
  const byKey = seen.find(({ clientId }) => clientId === 'by-key')!;
  expect(byKey).toMatchObject({
    clientAssertion: { header: { alg: 'EdDSA' }, payload: { iss: 'by-key' } },
    assertion: { header: { alg: 'ES256' }, payload: { iss: 'reports' } },
  });
});

test('subject, further claims, lifetime and audience are as they are given', async () => {
  const { supervisor } = await supervise({
    anne: asking({ subject: 'anne', lifetimeMs: 10_000, audience: server.tokenEndpoint }),
    tenant: asking({ issuer: 'tenant', claims: { tenant: 'eu', level: 3, list: [{ deep: null }] } }),
    endpoint: asking({ lifetimeMs: 3_600_000 }, { tokenEndpoint: server.tokenEndpoint, issuer: undefined } as object),
  });
  await supervisor.ready();
  const claims = (await server.seen())
    .slice(-3)
    .map(({ assertion, issued }) => ({ ...assertion!.payload, for: issued?.sub }));
  const anne = claims.find(({ sub }) => sub === 'anne')!;
  expect(anne).toMatchObject({ iss: 'reports', aud: server.tokenEndpoint, exp: anne.iat + 10, for: 'anne' });
  expect(claims.find(({ iss }) => iss === 'tenant')).toMatchObject({ level: 3, list: [{ deep: null }], for: 'tenant' });
  const longest = claims.find(({ exp, iat }) => exp - iat === 3_600)!;
  expect(longest).toMatchObject({ sub: 'reports', aud: server.tokenEndpoint });
});

describe('refused', () => {
  const refused = { class: 'fatal', oauthError: 'invalid_grant', status: 400 };
  const cases: readonly (readonly [string, Partial<AssertionOptions>, Partial<JwtBearerOptions>, object])[] = [
    ['by another key', { privateKey: stranger.pem }, {}, refused],
    ['of an issuer that nobody knows', { issuer: 'nobody' }, {}, refused],
    ['for somebody that the issuer may not speak for', { subject: 'bob' }, {}, refused],
    ['for another server', { audience: 'https://another.example' }, {}, refused],
    ['without a claim that must be there', { issuer: 'tenant' }, {}, refused],
    ['with a scope that is not offered', {}, { scope: 'admin' }, { ...refused, oauthError: 'invalid_scope' }],
    [
      'of a client that may not ask so',
      {},
      { clientId: 'not-allowed', clientSecret: 'the secret of another' },
      { class: 'fatal', oauthError: 'invalid_request' },
    ],
    [
      'with a wrong secret of the client',
      {},
      { clientId: 'by-secret', clientSecret: 'wrong' },
      { class: 'fatal', oauthError: 'invalid_client' },
    ],
    ['by no key at all', { privateKey: 'no key' }, {}, { class: 'fatal', reason: 'secret_unreadable' }],
  ];

  test('each assertion that is not right, by the right class', async () => {
    const specs = cases.map(([, assertion, more], index) => [`case-${index}`, asking(assertion, more)] as const);
    const { heard } = await supervise(Object.fromEntries(specs), { startConcurrency: 16 });
    for (const [index, [what, , , expected]] of cases.entries()) {
      expect((await heard.next('mint:failed', `case-${index}`)).failure, what).toMatchObject(expected);
      await heard.next('child:parked', `case-${index}`);
    }
  });
});

test('an assertion that is there already is read at each attempt, and taken once', async () => {
  const assertionOf = (jti: string) =>
    new SignJWT({ sub: 'reports', jti })
      .setProtectedHeader({ alg: 'ES256' })
      .setIssuer('reports')
      .setAudience(server.issuer)
      .setIssuedAt()
      .setExpirationTime('1m')
      .sign(key.privateKey);
  const target = path.join(folder, 'assertion');
  writeFileSync(target, `${await assertionOf('file-1')}\n`);
  const { children, heard } = await supervise({
    a: credential({ provider: jwtBearer({ issuer: server.issuer, assertion: file(target) }) }),
  });
  await children.a.get();
  await expect(children.a.refresh()).rejects.toMatchObject({ code: 'PARKED' });
  expect((await lastSeen()).detail).toMatch(/used before/);
  writeFileSync(target, await assertionOf('file-2'));
  expect((await heard.next('child:resumed')).by).toBe('secret');
  await eventually('the next token', () => children.a.current().generation === 2);
  expect((await lastSeen()).assertion!.payload.jti).toBe('file-2');
});

test("another credential's token is the assertion, and each new one buys a new token", async () => {
  const { children } = await supervise({
    bought: credential({ provider: jwtBearer({ issuer: server.issuer, assertion: tokenOf('identity') }) }),
    identity: credential({
      provider: clientCredentials({
        issuer: other.issuer,
        clientId: 'reports',
        clientSecret: other.clients[0]!.clientSecret,
      }),
    }),
  });
  await children.bought.get();
  const first = await lastSeen();
  expect(first).toMatchObject({ issued: { sub: 'reports' }, assertion: { payload: { iss: other.issuer } } });
  await children.identity.refresh();
  await eventually('a token for the new one', () => children.bought.current().generation === 2);
  expect((await lastSeen()).assertion!.payload.jti).not.toBe(first.assertion!.payload.jti);
});
