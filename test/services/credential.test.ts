/** The credential, end to end: real threads, and a real authorization server in a process of its own. */
import { mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from 'jose';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { attach, credential, type Credential } from 'tokenvisor';
import { clientCredentials, file, fileStore, literal, refreshToken } from 'tokenvisor/providers';
import { type AuthorizationServer, startAuthorizationServer } from '../support/authorization-server.mjs';
import { secretOf, untilStats } from '../support/server-stats.js';
import { afterTest, cleanUp, eventually, message, supervise } from '../support/supervised.js';
import type { Seen } from './fixtures/verifying-reader.mjs';

/** Tokens of 8 s, refresh tokens that are single-use. */
let server: AuthorizationServer;
/** Tokens of 3 s, refresh tokens that may be used again. */
let hasty: AuthorizationServer;
const folder = mkdtempSync(path.join(tmpdir(), 'tokenvisor-credential-'));

/** One for each test that counts requests. */
const clients = Array.from({ length: 16 }, (_, index) => ({
  clientId: `client-${index}`,
  clientSecret: `s3cret ${index}`,
}));

beforeAll(async () => {
  const billing = {
    clientId: 'billing',
    clientSecret: 'with/odd:chars %',
    authentication: 'client_secret_post' as const,
  };
  [server, hasty] = await Promise.all([
    startAuthorizationServer({ clients: [...clients, billing, { clientId: 'mobile' }] }),
    startAuthorizationServer({
      clients: [...clients, { clientId: 'mobile' }],
      accessTokenTtlS: 3,
      rotation: 'reusable',
    }),
  ]);
});
afterAll(async () => {
  await Promise.all([server.close(), hasty.close()]);
  rmSync(folder, { recursive: true });
});
afterEach(cleanUp);

let taken = 0;
/** A client that no other test uses, as options of the grants. */
const freshClient = (of = server): { clientId: string; clientSecret: string; tokenEndpoint: string } => {
  const { clientId } = clients[taken++ % clients.length]!;
  return { clientId, clientSecret: secretOf(of, clientId), tokenEndpoint: of.tokenEndpoint };
};

/** A token is published a moment before the status tells of it. */
const settled = (child: Credential): Promise<void> =>
  eventually('the end of the exchange', () => !child.status().exchanging);

const requestsOf = async (clientId: string, of = server): Promise<number> =>
  (await of.stats()).byClient[clientId]?.requests ?? 0;

const keysOf = async (of: AuthorizationServer): Promise<JSONWebKeySet> =>
  (await (await fetch(of.jwksUrl)).json()) as JSONWebKeySet;

/** The claims of a token, checked as an API checks it. */
const claimsOf = async (authorization: string, of = server): Promise<Record<string, unknown>> => {
  expect(authorization).toMatch(/^Bearer /);
  const expected = { issuer: of.issuer, audience: of.resource, typ: 'at+jwt' };
  return (await jwtVerify(authorization.slice(7), createLocalJWKSet(await keysOf(of)), expected)).payload;
};

const fixtureThread = async (name: string, workerData: unknown): Promise<Worker> => {
  const url = new URL(`./fixtures/${name}`, import.meta.url);
  const worker = new Worker(url, { workerData, env: {}, execArgv: [] });
  afterTest(() => worker.terminate());
  await message(worker);
  return worker;
};

const verifyingReader = async (child: Credential, of: AuthorizationServer): Promise<() => Promise<Seen>> => {
  const { issuer, resource: audience } = of;
  const worker = await fixtureThread('verifying-reader.mjs', {
    handle: child.handle(),
    keys: await keysOf(of),
    issuer,
    audience,
  });
  return () => {
    const seen = message(worker) as Promise<Seen>;
    worker.postMessage('stop');
    return seen;
  };
};

describe('each provider', () => {
  test.each([
    ['client_secret_basic', 'the issuer', 'client-15', () => ({ issuer: server.issuer })],
    ['client_secret_basic', 'the token endpoint', 'client-15', () => ({ tokenEndpoint: server.tokenEndpoint })],
    [
      'client_secret_post',
      'the issuer (OpenID)',
      'billing',
      () => ({ issuer: server.issuer, discovery: 'oidc' as const }),
    ],
    ['client_secret_post', 'the token endpoint', 'billing', () => ({ tokenEndpoint: server.tokenEndpoint })],
  ] as const)('client credentials by %s, found by %s', async (clientAuthentication, _found, clientId, where) => {
    const clientSecret = secretOf(server, clientId);
    const { withBasic } = await server.stats();
    const common = { ...where(), clientId, clientSecret, clientAuthentication, resource: server.resource };
    const { supervisor, children } = await supervise({
      one: credential({ provider: clientCredentials({ ...common, scope: 'read' }) }),
      both: credential({ provider: clientCredentials({ ...common, scope: ['read', 'write'] }) }),
    });
    await supervisor.ready();
    // This server takes either from any client, so it is asked which one came.
    const basic = (await server.stats()).withBasic - withBasic;
    expect(basic).toBe(clientAuthentication === 'client_secret_basic' ? 2 : 0);
    const claims = { client_id: clientId, aud: server.resource };
    expect(await claimsOf(children.one.current().authorization)).toMatchObject({ ...claims, scope: 'read' });
    expect(await claimsOf(children.both.current().authorization)).toMatchObject({ ...claims, scope: 'read write' });
    expect(children.both.current()).toMatchObject({ tokenType: 'Bearer', scopes: ['read', 'write'], generation: 1 });
    await settled(children.one);
    expect(children.one.status()).toMatchObject({ state: 'fresh', attempts: 1, mints: 1, refreshes: 0, restarts: 0 });
    expect(supervisor.health().status).toBe('ok');
  });

  test.each([
    ['the token endpoint', () => ({ tokenEndpoint: server.tokenEndpoint })],
    ['the issuer', () => ({ issuer: server.issuer })],
  ])("found by %s, in a thread that has no use of Node's fetch, and does not load it", async (found, where) => {
    const LIST = 'TOKENVISOR_TEST_FETCH';
    const list = path.join(folder, `fetch of ${found}`);
    process.env[LIST] = list;
    afterTest(() => delete process.env[LIST]);
    const { clientId, clientSecret } = freshClient();
    const provider = clientCredentials({ ...where(), clientId, clientSecret, resource: server.resource });
    const preload = new URL('./fixtures/tell-fetch.mjs', import.meta.url).href;
    const { supervisor, children } = await supervise({
      api: credential({ provider, inheritEnv: [LIST], execArgv: ['--import', preload] }),
    });
    await supervisor.ready();
    await settled(children.api);
    expect(readFileSync(list, 'utf8')).toBe('started: not loaded\nminted: not loaded\n');
  });

  test.each(['memory', 'file'] as const)(
    'a single-use refresh token, kept in %s: one chain, no reuse',
    async (kept) => {
      const store = kept === 'memory' ? kept : fileStore(path.join(folder, 'chain.json'));
      const before = await server.stats();
      const { supervisor, children } = await supervise({
        mobile: credential({
          provider: refreshToken({
            issuer: server.issuer,
            clientId: 'mobile',
            refreshToken: await server.issueRefreshToken('mobile'),
            store,
          }),
        }),
      });
      await supervisor.ready();
      for (let generation = 2; generation <= 4; generation++) {
        const token = await children.mobile.refresh();
        expect(token.generation).toBe(generation);
        expect(await claimsOf(token.authorization)).toMatchObject({ sub: 'user-of-mobile', client_id: 'mobile' });
      }
      const { tokensIssued, refusals, reuses } = await server.stats();
      expect(tokensIssued - before.tokensIssued).toBe(4);
      expect({ refusals, reuses }).toEqual({ refusals: before.refusals, reuses: 0 });
    },
  );

  test('a reusable refresh token', async () => {
    const { supervisor, children, heard } = await supervise({
      mobile: credential({
        provider: refreshToken({
          issuer: hasty.issuer,
          clientId: 'mobile',
          refreshToken: await hasty.issueRefreshToken('mobile'),
          rotation: 'reusable',
        }),
      }),
    });
    await supervisor.ready();
    for (let mint = 1; mint <= 3; mint++) await heard.next('mint:succeeded');
    expect(await claimsOf(children.mobile.current().authorization, hasty)).toMatchObject({ sub: 'user-of-mobile' });
    expect((await hasty.stats()).byClient['mobile']).toEqual({ requests: 3, issued: 3, refused: 0 });
  });

  test('a module of the user: what it throws by type is heeded', async () => {
    const { clientSecret, ...options } = freshClient();
    await server.disturb({ kind: 'status', status: 429, headers: { 'retry-after': '2' }, clientId: options.clientId });
    const { supervisor, children, heard } = await supervise({
      own: credential({
        provider: new URL('./fixtures/own-provider.mjs', import.meta.url),
        options: { ...options, clientSecret: literal(clientSecret) },
      }),
    });
    const first = await heard.next('mint:failed');
    expect(first.failure).toMatchObject({ class: 'transient', reason: 'provider_threw', retryAfterMs: 2_000 });
    await supervisor.ready();
    expect((await heard.next('mint:succeeded')).atMs - first.atMs).toBeGreaterThanOrEqual(1_999);
    expect(children.own.current().fields).toEqual({ attempt: 2 });
    await claimsOf(children.own.current().authorization);

    await server.disturb({ kind: 'status', status: 403, clientId: options.clientId });
    await expect(children.own.refresh()).rejects.toMatchObject({ code: 'PARKED', cause: { message: 'not for us' } });
    await settled(children.own);
    expect(children.own.status()).toMatchObject({
      usable: true,
      parked: { why: 'fatal_answer', probeAtMs: expect.any(Number) as number },
      lastFailure: { class: 'fatal', reason: 'provider_threw' },
    });
    await children.own.resume();
    expect((await children.own.refresh()).fields).toEqual({ attempt: 4 });
  });
});

describe('in time', () => {
  test('tokens are replaced ahead of their end, with no gap and none that an API would refuse', async () => {
    const client = freshClient(hasty);
    const { supervisor, children, heard } = await supervise({
      // The server's clock has whole seconds: a token may end up to one earlier than it says.
      upstream: credential({ provider: clientCredentials(client), leadMs: 1_500 }),
    });
    await supervisor.ready();
    const stop = await verifyingReader(children.upstream, hasty);
    const generations: number[] = [];
    for (let mint = 1; mint <= 5; mint++) {
      const { generation, attempt, atMs } = await heard.next('mint:succeeded');
      expect(attempt).toBe(generation);
      if (mint > 1) expect(atMs).toBeLessThan(heard.of('mint:succeeded')[mint - 2]!.expiresAtMs);
      generations.push(generation);
    }
    await eventually('the fifth token', () => children.upstream.current().generation === 5);
    const seen = await stop();
    expect(generations).toEqual([1, 2, 3, 4, 5]);
    expect(seen).toMatchObject({ gaps: [], refused: [] });
    expect(seen.generations.slice(0, 4)).toEqual([1, 2, 3, 4]);
    expect(seen.handedOut).toBeGreaterThan(100);
    expect(heard.of('token:expired')).toEqual([]);
    expect(await requestsOf(client.clientId, hasty)).toBe(5);
    await settled(children.upstream);
    expect(children.upstream.status()).toMatchObject({ attempts: 5, mints: 5, refreshes: 4, failures: 0 });
  });

  test('an outage that is longer than the lead is not noticed while the token lasts', async () => {
    const client = freshClient();
    const { supervisor, children, heard } = await supervise({
      upstream: credential({ provider: clientCredentials(client), leadMs: 3_500, marginMs: 0, retryEveryMs: 1_000 }),
    });
    await supervisor.ready();
    const { upstream } = children;
    await server.leave();
    const { failure } = await heard.next('mint:failed');
    expect(failure).toMatchObject({ class: 'transient', reason: 'connect_failed' });
    await eventually('the state', () => upstream.status().state === 'degraded');
    expect(supervisor.health().status).toBe('degraded');
    await heard.next('mint:failed');
    expect(upstream.current().generation).toBe(1);
    expect((await upstream.get()).generation).toBe(1);
    await server.comeBack();
    await eventually('the next token', () => upstream.current().generation === 2);
    expect(heard.of('token:expired')).toEqual([]);
    await eventually('the state', () => upstream.status().state === 'fresh');
    expect(upstream.status().failures).toBe(0);
    expect(upstream.status()).not.toHaveProperty('lastFailure');
    expect(await requestsOf(client.clientId)).toBe(2);
  });

  test('an outage past the end of the token: TOKEN_EXPIRED, and who waits is served when it is over', async () => {
    const { supervisor, children, heard } = await supervise({
      upstream: credential({ provider: clientCredentials(freshClient(hasty)), retryEveryMs: 1_000 }),
    });
    await supervisor.ready();
    const { upstream } = children;
    await hasty.leave();
    const expired = await heard.next('token:expired');
    expect(expired.generation).toBe(1);
    expect(() => upstream.current()).toThrow(
      expect.objectContaining({
        code: 'TOKEN_EXPIRED',
        cause: expect.objectContaining({ reason: 'connect_failed' }) as unknown,
      }),
    );
    expect(upstream.last()?.generation).toBe(1);
    expect(upstream.status()).toMatchObject({ state: 'expired', usable: false });
    expect(supervisor.health().status).toBe('down');
    await expect(upstream.get({ timeoutMs: 50 })).rejects.toMatchObject({
      code: 'TIMEOUT',
      cause: { reason: 'connect_failed' },
    });
    const asking = await fixtureThread('asking-thread.mjs', upstream.handle());
    const elsewhere = message(asking);
    asking.postMessage({ gets: 5 });
    const waiting = Array.from({ length: 5 }, () => upstream.get({ timeoutMs: 15_000 }));
    await heard.next('mint:failed');
    await hasty.comeBack();
    const values = new Set([
      ...(await Promise.all(waiting)).map(({ value }) => value),
      ...((await elsewhere) as string[]),
    ]);
    expect(values).toEqual(new Set([upstream.last()?.value]));
    expect(upstream.last()?.generation).toBe(2);
    expect(heard.of('token:expired')).toHaveLength(1);
    await eventually('the state', () => upstream.status().state === 'fresh');
  });

  test('Retry-After is a minimum, as seconds and as a date', async () => {
    const client = freshClient();
    const disturb = (retryAfter: string): Promise<void> =>
      server.disturb({
        kind: 'status',
        status: 429,
        headers: { 'retry-after': retryAfter },
        clientId: client.clientId,
      });
    await disturb('2');
    const { supervisor, heard } = await supervise({ upstream: credential({ provider: clientCredentials(client) }) });
    const first = await heard.next('mint:failed');
    expect(first.failure).toMatchObject({
      class: 'transient',
      reason: 'http_status',
      status: 429,
      retryAfterMs: 2_000,
    });
    expect(first.nextAttemptAtMs! - first.atMs).toBeGreaterThanOrEqual(1_900);
    const atS = Math.ceil(Date.now() / 1_000) + 4;
    await disturb(new Date(atS * 1_000).toUTCString());
    const second = await heard.next('mint:failed');
    expect(second.atMs - first.atMs).toBeGreaterThanOrEqual(1_900);
    // Counted from the answer's own date, which has whole seconds.
    expect(second.nextAttemptAtMs!).toBeGreaterThanOrEqual(atS * 1_000 - 1_000);
    await supervisor.ready();
    const started = heard.of('mint:started').map(({ atMs }) => atMs);
    expect(started).toHaveLength(3);
    expect(started[2]).toBeGreaterThanOrEqual(second.nextAttemptAtMs! - 20);
    expect(await requestsOf(client.clientId)).toBe(1);
  });
});

describe('parked', () => {
  test('invalid_client: one request, however many ask; update() to the right secret goes on', async () => {
    const client = freshClient();
    const { children, heard } = await supervise({
      wrong: credential({ provider: clientCredentials({ ...client, clientSecret: 'wrong' }) }),
      // Its refreshes tell the time.
      other: credential({ provider: clientCredentials(freshClient(hasty)) }),
    });
    const { wrong } = children;
    const { failure } = await heard.next('mint:failed', 'wrong');
    expect(failure).toEqual({
      class: 'fatal',
      reason: 'oauth_error',
      message: expect.any(String) as string,
      oauthError: 'invalid_client',
      status: 401,
    });
    expect(await heard.next('child:parked', 'wrong')).toMatchObject({ why: 'fatal_answer' });
    await expect(wrong.get()).rejects.toMatchObject({ code: 'PARKED', cause: { oauthError: 'invalid_client' } });
    expect(() => wrong.current()).toThrow(expect.objectContaining({ code: 'PARKED' }));
    for (let mint = 1; mint <= 2; mint++) {
      await heard.next('mint:succeeded', 'other');
      await expect(wrong.refresh()).rejects.toMatchObject({ code: 'PARKED' });
    }
    expect(heard.of('mint:started', 'wrong')).toHaveLength(1);
    expect((await server.stats()).byClient[client.clientId]).toMatchObject({ requests: 1, refused: 1 });

    await wrong.resume();
    await heard.next('mint:failed', 'wrong');
    await eventually('the park', () => wrong.status().state === 'parked');
    expect((await server.stats()).byClient[client.clientId]).toMatchObject({ requests: 2, refused: 2 });

    await wrong.update({ provider: clientCredentials(client) });
    expect((await wrong.get()).generation).toBe(1);
    expect(heard.of('child:resumed').map(({ by }) => by)).toEqual(['user', 'update']);
    expect((await server.stats()).byClient[client.clientId]).toEqual({ requests: 3, issued: 1, refused: 2 });
    await settled(wrong);
    expect(wrong.status()).toMatchObject({ attempts: 3, mints: 1, restarts: 0 });
  });

  test('resume() when the server has been mended', async () => {
    const client = freshClient();
    const body = { error: 'invalid_client' };
    await server.disturb({ kind: 'status', status: 401, body, times: 2, clientId: client.clientId });
    const { children, heard } = await supervise({ upstream: credential({ provider: clientCredentials(client) }) });
    await heard.next('child:parked');
    await children.upstream.resume();
    await heard.next('child:parked');
    await children.upstream.resume();
    expect((await children.upstream.get()).generation).toBe(1);
    await settled(children.upstream);
    expect(children.upstream.status()).toMatchObject({ attempts: 3, failures: 0 });
  });

  test('update() to a secret that is wrong: the token is served on, and update() back is enough', async () => {
    const client = freshClient();
    const { supervisor, children, heard } = await supervise({
      upstream: credential({ provider: clientCredentials(client) }),
    });
    await supervisor.ready();
    const { upstream } = children;
    await upstream.update({ provider: clientCredentials({ ...client, clientSecret: 'wrong' }) });
    await heard.next('child:parked');
    expect(upstream.current().generation).toBe(1);
    expect((await upstream.get()).generation).toBe(1);
    await upstream.update({ provider: clientCredentials(client) });
    await eventually('the next token', () => upstream.current().generation === 2);
    await settled(upstream);
    expect(upstream.status().parked).toBeUndefined();
  });

  test('a secret file that changes un-parks, also where it is a link that is swapped', async () => {
    const { clientSecret, ...client } = freshClient();
    const secretFile = path.join(folder, 'secret');
    const linkTo = (text: string): void => {
      const target = path.join(folder, `secret-${text.length}`);
      writeFileSync(target, `${text}\n`);
      symlinkSync(target, `${secretFile}.new`);
      renameSync(`${secretFile}.new`, secretFile);
    };
    linkTo('wrong');
    const { children, heard } = await supervise({
      upstream: credential({ provider: clientCredentials({ ...client, clientSecret: file(secretFile) }) }),
    });
    const { upstream } = children;
    expect((await heard.next('mint:failed')).failure).toMatchObject({ oauthError: 'invalid_client' });
    rmSync(secretFile);
    // No secret at all: tried, and parked once more, with no request.
    expect((await heard.next('mint:failed')).failure).toMatchObject({ class: 'fatal', reason: 'secret_unreadable' });
    linkTo(clientSecret);
    expect((await heard.next('mint:succeeded')).generation).toBe(1);
    expect(upstream.current().generation).toBe(1);
    expect(heard.of('child:resumed').map(({ by }) => by)).toEqual(['secret', 'secret']);
    expect((await server.stats()).byClient[client.clientId]).toEqual({ requests: 2, issued: 1, refused: 1 });
  });
});

describe('shared by all threads', () => {
  test('100 get()s on each of three threads cost one mint', async () => {
    const client = freshClient();
    await server.disturb({ kind: 'hold', clientId: client.clientId });
    const { children, heard } = await supervise({
      upstream: credential({ provider: clientCredentials(client), eager: false }),
    });
    const { upstream } = children;
    const threads = await Promise.all([1, 2].map(() => fixtureThread('asking-thread.mjs', upstream.handle())));
    expect(upstream.status().attempts).toBe(0);
    const asked = threads.map((each) => message(each) as Promise<string[]>);
    threads.forEach((each) => each.postMessage({ gets: 100 }));
    const here = Promise.all(Array.from({ length: 100 }, () => upstream.get({ timeoutMs: 15_000 })));
    await untilStats(server, 'the request', ({ byClient }) => byClient[client.clientId]?.issued === 1);
    await server.release();
    const values = [...(await here).map(({ value }) => value), ...(await Promise.all(asked)).flat()];
    expect(values).toHaveLength(300);
    expect(new Set(values).size).toBe(1);
    // What they asked for while the answer was on its way asks for no more.
    expect((await attach(upstream.handle()).get()).value).toBe(values[0]);
    expect(await requestsOf(client.clientId)).toBe(1);
    expect(heard.of('mint:started')).toHaveLength(1);
  });

  test('ten staggered 401s cost one mint', async () => {
    const client = freshClient();
    const { supervisor, children, heard } = await supervise({
      upstream: credential({ provider: clientCredentials(client) }),
    });
    await supervisor.ready();
    const { upstream } = children;
    const refused = upstream.current();
    const asking = await fixtureThread('asking-thread.mjs', upstream.handle());
    const answered = message(asking) as Promise<string[]>;
    asking.postMessage({ invalidate: 4 });
    await heard.next('token:withdrawn');
    const early = await Promise.all([1, 2, 3].map(() => upstream.invalidate(refused)));
    const late = [];
    for (let caller = 8; caller <= 10; caller++) late.push(await upstream.invalidate(refused));
    const values = [...early, ...late].map(({ value }) => value).concat(await answered);
    expect(values).toHaveLength(10);
    expect(new Set(values)).toEqual(new Set([upstream.current().value]));
    expect(values).not.toContain(refused.value);
    expect(upstream.current().generation).toBe(2);
    expect(await requestsOf(client.clientId)).toBe(2);
    expect(heard.of('token:withdrawn')).toHaveLength(1);
  });
});
