import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLocalJWKSet, jwtVerify, type JSONWebKeySet } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ProviderError } from '../../../src/core/errors.js';
import { provider as clientCredentialsProvider } from '../../../src/grants/client-credentials-provider.js';
import { provider as refreshTokenProvider } from '../../../src/grants/refresh-token-provider.js';
import { clientCredentials, fileStore, refreshToken, type RefreshTokenOptions } from '../../../src/grants/index.js';
import type { ProviderSession } from '../../../src/oauth/provider.js';
import { startAuthorizationServer, type AuthorizationServer } from '../../support/authorization-server.mjs';
import { MemoryVault, attempt, contextOf, failureOf } from '../../support/http-context.js';

let server: AuthorizationServer;
const folder = mkdtempSync(join(tmpdir(), 'tokenvisor-grants-'));
beforeAll(async () => {
  server = await startAuthorizationServer();
});
afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true });
});

const verified = async (token: string) => {
  const keys = (await (await fetch(server.jwksUrl)).json()) as JSONWebKeySet;
  const checks = { issuer: server.issuer, audience: server.resource };
  return (await jwtVerify(token, createLocalJWKSet(keys), checks)).payload;
};
const secretOf = (clientId: string): string =>
  server.clients.find((client) => client.clientId === clientId)!.clientSecret;

describe('client credentials', () => {
  it.each([
    ['reports', 'client_secret_basic'],
    ['billing', 'client_secret_post'],
  ] as const)('of %s, by %s, with the issuer or the endpoint', async (clientId, clientAuthentication) => {
    const common = { clientId, clientSecret: secretOf(clientId), clientAuthentication, scope: ['read'] };
    for (const where of [{ issuer: server.issuer }, { tokenEndpoint: server.tokenEndpoint }]) {
      const { options } = clientCredentials({ ...common, ...where, resource: server.resource });
      const minted = await clientCredentialsProvider.open(contextOf(options)).mint(attempt());
      expect(minted).toMatchObject({ expiresInS: 8, scope: 'read', tokenType: 'Bearer' });
      expect(await verified(minted.value)).toMatchObject({ client_id: clientId, scope: 'read' });
    }
  });

  it.each([
    ['a wrong secret', { clientSecret: 'wrong' }, { class: 'fatal', oauthError: 'invalid_client', status: 401 }],
    [
      'a scope that the client may not have',
      { scope: 'admin' },
      { class: 'fatal', oauthError: 'invalid_scope', status: 400 },
    ],
    ['an unknown resource', { resource: 'urn:other' }, { class: 'fatal', oauthError: 'invalid_target', status: 400 }],
    ['an unknown client', { clientId: 'nobody' }, { class: 'fatal', oauthError: 'invalid_client', status: 401 }],
  ])('are refused with %s', async (_name, change, expected) => {
    const { options } = clientCredentials({
      issuer: server.issuer,
      clientId: 'reports',
      clientSecret: secretOf('reports'),
      ...change,
    });
    expect(await failureOf(() => clientCredentialsProvider.open(contextOf(options)).mint(attempt()))).toMatchObject(
      expected,
    );
  });

  it('fail for as long as the server is away, and no longer', async () => {
    const { options } = clientCredentials({
      tokenEndpoint: server.tokenEndpoint,
      clientId: 'reports',
      clientSecret: secretOf('reports'),
    });
    const session = clientCredentialsProvider.open(contextOf(options));
    let back = false as boolean;
    const away = server.away(300).then(() => (back = true));
    let failures = 0;
    while (!back) {
      const outcome = await Promise.resolve(session.mint(attempt())).catch((error: unknown) => error);
      if (outcome instanceof Error) {
        expect(outcome).toMatchObject({ class: 'transient' });
        expect((outcome as ProviderError).reason).toMatch(/connect_failed|connection_lost/);
        failures += 1;
      }
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await away;
    expect(failures).toBeGreaterThan(0);
    expect(await session.mint(attempt())).toMatchObject({ expiresInS: 8 });
  });
});

describe('a single-use refresh token with reuse detection', () => {
  let cases = 0;
  const setUp = async (more: Partial<RefreshTokenOptions> = {}) => {
    const path = join(folder, `${++cases}.json`);
    const seed = await server.issueRefreshToken('mail');
    const vault = new MemoryVault();
    const open = (): ProviderSession => {
      const { options } = refreshToken({
        issuer: server.issuer,
        clientId: 'mail',
        clientSecret: secretOf('mail'),
        refreshToken: seed,
        store: fileStore(path),
        ...more,
      });
      return refreshTokenProvider.open(contextOf(options, { vault }));
    };
    const { reuses } = await server.stats();
    return { open, reuses };
  };

  it('goes on over sessions and is never sent twice', async () => {
    const { open, reuses } = await setUp();
    for (let round = 0; round < 3; round++) {
      const session = open();
      session.preflight!();
      for (let n = 0; n < 3; n++) await verified((await session.mint(attempt())).value);
      session.close!();
    }
    expect((await server.stats()).reuses).toBe(reuses);
  });

  it('is held when its answer was lost; resumed, the server takes it for stolen', async () => {
    const { open, reuses } = await setUp();
    const session = open();
    await session.mint(attempt());
    await server.disturb({ kind: 'lose' });
    const held = { class: 'ambiguous', reason: 'exchange_interrupted' };
    expect(await failureOf(() => session.mint(attempt()))).toMatchObject(held);
    expect(await failureOf(() => session.mint(attempt()))).toMatchObject(held);
    expect((await server.stats()).reuses).toBe(reuses);
    expect(await failureOf(() => session.mint(attempt({ resumed: true })))).toMatchObject({
      class: 'fatal',
      oauthError: 'invalid_grant',
    });
    expect((await server.stats()).reuses).toBe(reuses + 1);
    session.close!();
  });

  it('is not spent by a server that is busy', async () => {
    const { open, reuses } = await setUp();
    const session = open();
    await server.disturb({ kind: 'status', status: 503, headers: { 'retry-after': '2' }, clientId: 'mail' });
    expect(await failureOf(() => session.mint(attempt()))).toMatchObject({ class: 'transient', retryAfterMs: 2_000 });
    await session.mint(attempt());
    expect((await server.stats()).reuses).toBe(reuses);
    session.close!();
  });

  it('works for a public client, in memory', async () => {
    const seed = await server.issueRefreshToken('mobile');
    const { options } = refreshToken({
      tokenEndpoint: server.tokenEndpoint,
      clientId: 'mobile',
      refreshToken: seed,
      store: 'memory',
    });
    const session = refreshTokenProvider.open(contextOf(options));
    await session.mint(attempt());
    expect(await verified((await session.mint(attempt())).value)).toMatchObject({ sub: 'user-of-mobile' });
  });

  it('that was already used revokes the grant', async () => {
    const seed = await server.issueRefreshToken('mobile');
    const { revokedGrants } = await server.stats();
    const sessionOf = () =>
      refreshTokenProvider.open(
        contextOf(
          refreshToken({ issuer: server.issuer, clientId: 'mobile', refreshToken: seed, store: 'memory' }).options,
        ),
      );
    const first = sessionOf();
    await first.mint(attempt());
    expect(await failureOf(() => sessionOf().mint(attempt()))).toMatchObject({
      class: 'fatal',
      oauthError: 'invalid_grant',
    });
    expect(await failureOf(() => first.mint(attempt()))).toMatchObject({ class: 'fatal', oauthError: 'invalid_grant' });
    expect((await server.stats()).revokedGrants).toBe(revokedGrants + 1);
  });
});

it('a reusable refresh token is sent again and again', async () => {
  const reusing = await startAuthorizationServer({ rotation: 'reusable', accessTokenTtlS: 3 });
  const seed = await reusing.issueRefreshToken('mobile');
  const { options } = refreshToken({
    issuer: reusing.issuer,
    clientId: 'mobile',
    refreshToken: seed,
    rotation: 'reusable',
  });
  const session = refreshTokenProvider.open(contextOf(options));
  for (let n = 0; n < 3; n++) expect(await session.mint(attempt())).toMatchObject({ expiresInS: 3 });
  expect(await reusing.stats()).toMatchObject({ tokensIssued: 3, refusals: 0, byClient: { mobile: { issued: 3 } } });
  await reusing.close();
});
