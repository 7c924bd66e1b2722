/** Token exchange (RFC 8693), at a server that verifies the tokens that it is shown. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createLocalJWKSet, jwtVerify, type JSONWebKeySet } from 'jose';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { credential, type CredentialOptions } from 'tokenvisor';
import { clientCredentials, file, tokenExchange, tokenOf, type TokenExchangeOptions } from 'tokenvisor/providers';
import { type AuthorizationServer, startAuthorizationServer } from '../support/authorization-server.mjs';
import { cleanUp, eventually, supervise } from '../support/supervised.js';

let server: AuthorizationServer;
/** A token of 60 s, and one of 1 s, of the client `user`. */
let userToken: string;
const folder = mkdtempSync(path.join(tmpdir(), 'tokenvisor-exchange-'));
const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
const TYPES = 'urn:ietf:params:oauth:token-type:';

const mint = async (clientId: string, clientSecret: string, of = server): Promise<string> => {
  const answer = await fetch(of.tokenEndpoint, {
    method: 'POST',
    headers: { authorization: `Basic ${btoa(`${clientId}:${clientSecret}`)}` },
    body: new URLSearchParams({ grant_type: 'client_credentials', scope: 'read write' }),
  });
  return ((await answer.json()) as { access_token: string }).access_token;
};

beforeAll(async () => {
  server = await startAuthorizationServer({
    accessTokenTtlS: 60,
    clients: [
      { clientId: 'user', clientSecret: 'user-secret' },
      { clientId: 'gateway', clientSecret: 'gateway-secret' },
      { clientId: 'orders', clientSecret: 'orders-secret', grants: [TOKEN_EXCHANGE] },
    ],
  });
  userToken = await mint('user', 'user-secret');
});
afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true });
});
afterEach(cleanUp);

const asking = (more: Partial<TokenExchangeOptions>, child: Partial<CredentialOptions> = {}) =>
  credential({
    ...child,
    provider: tokenExchange({
      issuer: server.issuer,
      clientId: 'orders',
      clientSecret: 'orders-secret',
      subjectToken: userToken,
      ...more,
    }),
  });

/** The credential whose token is exchanged. */
const ofClient = (clientId: string, child: Partial<CredentialOptions> = {}) =>
  credential({
    ...child,
    provider: clientCredentials({
      issuer: server.issuer,
      clientId,
      clientSecret: `${clientId}-secret`,
      scope: 'read write',
    }),
  });

const lastSeen = async () => (await server.seen()).findLast(({ grantType }) => grantType === TOKEN_EXCHANGE)!;

const verified = async (token: string, audience = server.resource) => {
  const keys = (await (await fetch(server.jwksUrl)).json()) as JSONWebKeySet;
  return (await jwtVerify(token, createLocalJWKSet(keys), { issuer: server.issuer, audience })).payload;
};

test('a token in a file, narrowed down and for another audience', async () => {
  const target = path.join(folder, 'subject');
  writeFileSync(target, `${userToken}\n`);
  const { children } = await supervise({
    a: asking({ subjectToken: file(target), audience: 'urn:example:orders', scope: 'read' }),
  });
  const token = await children.a.get();
  expect(await verified(token.value, 'urn:example:orders')).toMatchObject({
    ...{ sub: 'user', client_id: 'orders', scope: 'read' },
  });
  expect(token).toMatchObject({ tokenType: 'Bearer', fields: { issuedTokenType: `${TYPES}access_token` } });
  expect([...(await lastSeen()).parameters].sort()).toEqual([
    ...['audience', 'grant_type', 'scope', 'subject_token', 'subject_token_type'],
  ]);
  // Another one in the file is the next mint's.
  const next = await mint('gateway', 'gateway-secret');
  writeFileSync(target, next);
  await children.a.refresh();
  expect((await lastSeen()).subjectToken).toMatchObject({ sub: 'gateway' });
});

test('an actor beside the subject, each of another credential, in any order: delegation', async () => {
  const { children } = await supervise({
    orders: asking({
      ...{ subjectToken: tokenOf('user'), actorToken: tokenOf('gateway') },
      ...{ subjectTokenType: `${TYPES}jwt`, actorTokenType: `${TYPES}jwt` },
    }),
    user: ofClient('user'),
    gateway: ofClient('gateway', { eager: false }),
  });
  const { value } = await children.orders.get();
  expect(await verified(value)).toMatchObject({ sub: 'user', act: { sub: 'gateway' } });
  expect(await lastSeen()).toMatchObject({ subjectToken: { sub: 'user' }, actorToken: { sub: 'gateway' } });
  // The actor's token is followed as the subject's is.
  const { jti } = (await lastSeen()).actorToken!;
  await children.gateway.refresh();
  await eventually('the exchange', () => children.orders.current().generation === 2);
  expect((await lastSeen()).actorToken!.jti).not.toBe(jti);
  expect((await lastSeen()).actorToken!.iat).toBeGreaterThanOrEqual((await lastSeen()).subjectToken!.iat);
});

test('what is issued may be no access token: it is told, and has no scheme to go by', async () => {
  const { children } = await supervise({ a: asking({ requestedTokenType: `${TYPES}jwt` }) });
  const token = await children.a.get();
  expect(token).toMatchObject({ tokenType: 'N_A', fields: { issuedTokenType: `${TYPES}jwt` } });
});

describe('refused', () => {
  const refused = { class: 'fatal', oauthError: 'invalid_grant', status: 400 };

  test('subjects and actors that are none, by the right class', async () => {
    const stranger = await startAuthorizationServer({ clients: [{ clientId: 'user', clientSecret: 'user-secret' }] });
    const foreign = await mint('user', 'user-secret', stranger);
    await stranger.close();
    const [head, body, signature] = userToken.split('.');
    const changed = Buffer.from(body!, 'base64url').toString().replace('"user"', '"root"');
    const forged = [head, Buffer.from(changed).toString('base64url'), signature].join('.');
    const cases: readonly (readonly [string, Partial<TokenExchangeOptions>, object])[] = [
      ['of another server', { subjectToken: foreign }, refused],
      ['that was changed', { subjectToken: forged }, refused],
      ['that is none', { subjectToken: 'opaque' }, refused],
      ['of an actor of another server', { actorToken: foreign }, refused],
      [
        'of a type that is not known',
        { subjectTokenType: `${TYPES}saml2` },
        { class: 'fatal', oauthError: 'invalid_request' },
      ],
      ['of a scope that the subject has not', { scope: 'admin' }, { ...refused, oauthError: 'invalid_scope' }],
      ['by a client with a wrong secret', { clientSecret: 'wrong' }, { class: 'fatal', oauthError: 'invalid_client' }],
      [
        'by a client that may not',
        { clientId: 'gateway', clientSecret: 'gateway-secret' },
        { class: 'fatal', oauthError: 'invalid_request' },
      ],
    ];
    const specs = cases.map(([, more], index) => [`case-${index}`, asking(more)] as const);
    const { heard } = await supervise(Object.fromEntries(specs), { startConcurrency: 16 });
    for (const [index, [what, , expected]] of cases.entries()) {
      const { failure } = await heard.next('mint:failed', `case-${index}`);
      expect(failure, what).toMatchObject(expected);
      await heard.next('child:parked', `case-${index}`);
    }
    const told = JSON.stringify(heard.all);
    for (const token of [userToken, foreign, forged]) expect(told).not.toContain(token.slice(20, 60));
  });
});
