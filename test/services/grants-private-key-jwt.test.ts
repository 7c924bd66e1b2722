/** Clients that prove who they are by an assertion (RFC 7523), at a server that takes no assertion twice. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { inspect } from 'node:util';
import { SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { credential } from 'tokenvisor';
import { clientCredentials, env, file, literal, refreshToken, type ClientAssertion } from 'tokenvisor/providers';
import { type AuthorizationServer, startAuthorizationServer } from '../support/authorization-server.mjs';
import { fillPool } from '../support/full-pool.js';
import { makeKey, piecesOf, thumbprintOf, type KeyKind } from '../support/signing-keys.js';
import { afterTest, cleanUp, supervise } from '../support/supervised.js';

let server: AuthorizationServer;
const folder = mkdtempSync(path.join(tmpdir(), 'tokenvisor-assertions-'));
const keys = {
  rsa: makeKey('rsa'),
  p256: makeKey('P-256'),
  p384: makeKey('P-384'),
  p521: makeKey('P-521'),
  ed25519: makeKey('ed25519'),
};

let files = 0;
const fileOf = (contents: string): string => {
  const target = path.join(folder, `${++files}`);
  writeFileSync(target, contents);
  return target;
};

const ENV_KEY = 'TOKENVISOR_TEST_SIGNING_KEY';

type Row = readonly [name: string, alg: string, key: keyof typeof keys, assertion: () => ClientAssertion];

const pkcs1 = (): string => keys.rsa.privateKey.export({ type: 'pkcs1', format: 'pem' }).toString();
const sec1 = (): string => keys.p384.privateKey.export({ type: 'sec1', format: 'pem' }).toString();

/** Each key in another form, by another kind of reference. */
const rows: readonly Row[] = [
  ['rs256-pkcs8-literal', 'RS256', 'rsa', () => ({ privateKey: keys.rsa.pem })],
  ['rs256-pkcs1-file', 'RS256', 'rsa', () => ({ privateKey: file(fileOf(pkcs1())) })],
  ['ps256-pkcs8-env', 'PS256', 'rsa', () => ({ privateKey: env(ENV_KEY), algorithm: 'PS256' })],
  ['ps256-jwk-file', 'PS256', 'rsa', () => ({ privateKey: file(fileOf(keys.rsa.jwkText({ alg: 'PS256' }))) })],
  ['es256-pkcs8-file', 'ES256', 'p256', () => ({ privateKey: file(fileOf(keys.p256.pem)) })],
  ['es256-jwk-literal', 'ES256', 'p256', () => ({ privateKey: literal(keys.p256.jwkText()) })],
  ['es384-sec1-literal', 'ES384', 'p384', () => ({ privateKey: literal(sec1()) })],
  ['es384-jwk-file', 'ES384', 'p384', () => ({ privateKey: file(fileOf(`\n ${keys.p384.jwkText()}\n`)) })],
  ['es512-pkcs8-file', 'ES512', 'p521', () => ({ privateKey: file(fileOf(keys.p521.pem)) })],
  ['eddsa-pkcs8-file', 'EdDSA', 'ed25519', () => ({ privateKey: file(fileOf(keys.ed25519.pem)) })],
  ['eddsa-jwk-env', 'EdDSA', 'ed25519', () => ({ privateKey: env(`${ENV_KEY}_JWK`), keyId: 'by-option' })],
];

const others = ['named', 'afresh', 'mended', 'audience', 'refused', 'ready-made', 'pool', 'refreshing', 'memory'];

beforeAll(async () => {
  process.env[ENV_KEY] = keys.rsa.pem;
  process.env[`${ENV_KEY}_JWK`] = keys.ed25519.jwkText({ kid: 'of-the-jwk', alg: 'EdDSA' });
  const clientOf = async (clientId: string, key: keyof typeof keys) => ({
    clientId,
    authentication: 'private_key_jwt' as const,
    // With the JWK's own thumbprint as its name: what the PEMs can't say is left to the server to find.
    keys: [{ ...keys[key].publicJwk, use: 'sig', kid: clientId === 'eddsa-jwk-env' ? 'by-option' : await kidOf(key) }],
  });
  const clients = [
    ...rows.map(([name, , key]) => clientOf(name, key)),
    ...others.map((name) => clientOf(name, 'p256')),
  ];
  server = await startAuthorizationServer({ accessTokenTtlS: 60, clients: await Promise.all(clients) });
});
afterAll(async () => {
  await cleanUp();
  await server.close();
  rmSync(folder, { recursive: true });
  delete process.env[ENV_KEY];
  delete process.env[`${ENV_KEY}_JWK`];
});

const kidOf = (key: keyof typeof keys): Promise<string> => thumbprintOf(keys[key]);

const seenOf = async (clientId: string) => (await server.seen()).filter((request) => request.clientId === clientId);

const asking = (clientId: string, clientAssertion: unknown, more: object = {}, child: object = {}) =>
  credential({
    ...child,
    provider: clientCredentials({
      issuer: server.issuer,
      clientId,
      clientAssertion: clientAssertion as ClientAssertion,
      ...more,
    }),
  });

test.concurrent('every algorithm, every form of key, every kind of reference', async () => {
  const { supervisor, children } = await supervise(
    Object.fromEntries(rows.map(([name, , , assertion]) => [name, asking(name, assertion())])),
    { startConcurrency: 16 },
  );
  await supervisor.ready();
  for (const [name, alg] of rows) {
    const [request, ...more] = await seenOf(name);
    expect(more).toEqual([]);
    expect(request).toMatchObject({
      status: 200,
      issued: { client_id: name },
      parameters: expect.arrayContaining(['client_id', 'client_assertion_type', 'client_assertion']) as string[],
    });
    expect(request?.parameters).not.toContain('client_secret');
    const { header, payload } = request!.clientAssertion!;
    expect(header).toEqual({ alg, typ: 'JWT', ...(name === 'eddsa-jwk-env' && { kid: 'by-option' }) });
    expect(payload).toMatchObject({ iss: name, sub: name, aud: server.issuer });
    expect(payload.exp - payload.iat).toBe(60);
    expect(Math.abs(payload.iat * 1_000 - request!.atMs)).toBeLessThan(3_000);
    expect(payload.jti).toMatch(/^[\da-f-]{36}$/);
    expect(children[name]!.current().expiresAtMs).toBeGreaterThan(Date.now());
  }
});

test.concurrent('the key id of a JWK goes into the header', async () => {
  const kid = await kidOf('p256');
  const { supervisor } = await supervise({
    a: asking('named', { privateKey: file(fileOf(keys.p256.jwkText({ kid, alg: 'ES256', use: 'sig' }))) }),
  });
  await supervisor.ready();
  expect((await seenOf('named')).at(-1)?.clientAssertion?.header).toEqual({ alg: 'ES256', typ: 'JWT', kid });
});

test.concurrent(
  'signed afresh for each attempt, also for one after a failure; a key that is replaced is the next one’s',
  async () => {
    const path = fileOf(keys.p256.pem);
    const { supervisor, children, heard } = await supervise({ a: asking('afresh', { privateKey: file(path) }) });
    await supervisor.ready();
    const before = (await seenOf('afresh')).length;
    await server.disturb({ kind: 'status', status: 503, clientId: 'afresh' });
    expect((await children.a.refresh({ timeoutMs: 10_000 })).generation).toBe(2);
    expect((await heard.next('mint:failed')).failure).toMatchObject({ status: 503 });
    expect((await children.a.refresh()).generation).toBe(3);
    const seen = (await seenOf('afresh')).slice(before - 1);
    expect(seen.map(({ status }) => status)).toEqual([200, 200, 200]);
    const claims = seen.map(({ clientAssertion, atMs }) => ({ ...clientAssertion!.payload, atMs }));
    expect(new Set(claims.map(({ jti }) => jti)).size).toBe(3);
    // Two requests are a second apart, so the first one's instant would not do for the last.
    for (const { iat, atMs } of claims) expect(Math.abs(iat * 1_000 - atMs)).toBeLessThan(2_000);

    writeFileSync(path, keys.rsa.pem);
    await children.a.refresh().catch(() => undefined);
    expect((await seenOf('afresh')).at(-1)).toMatchObject({
      error: 'invalid_client',
      clientAssertion: { header: { alg: 'RS256' } },
    });
    expect(children.a.status().parked).toMatchObject({ why: 'fatal_answer' });
  },
);

test.concurrent(
  'the audience is the issuer, the token endpoint where that is all there is, or what the options say',
  async () => {
    const privateKey = keys.p256.pem;
    const ask = async (assertion: object, where: object) => {
      const { heard } = await supervise({
        a: credential({
          provider: clientCredentials({
            clientId: 'audience',
            clientAssertion: { privateKey, ...assertion },
            ...where,
          }),
        }),
      });
      const outcome = await Promise.race([
        heard.next('mint:succeeded'),
        heard.next('mint:failed').catch(() => undefined),
      ]);
      return { outcome, aud: (await seenOf('audience')).at(-1)?.clientAssertion?.payload.aud };
    };
    const { issuer, tokenEndpoint } = server;
    expect(await ask({}, { issuer })).toMatchObject({ outcome: { type: 'mint:succeeded' }, aud: issuer });
    expect(await ask({}, { tokenEndpoint })).toMatchObject({ outcome: { type: 'mint:succeeded' }, aud: tokenEndpoint });
    const explicit = await ask({ audience: issuer }, { tokenEndpoint });
    expect(explicit).toMatchObject({ outcome: { type: 'mint:succeeded' }, aud: issuer });
    expect(await ask({ audience: 'https://another.example' }, { issuer })).toMatchObject({
      outcome: { type: 'mint:failed', failure: { class: 'fatal', oauthError: 'invalid_client', status: 401 } },
      aud: 'https://another.example',
    });
  },
);

const unusable = { class: 'fatal', reason: 'secret_unreadable' };
const refused = { class: 'fatal', reason: 'oauth_error', oauthError: 'invalid_client' };
const { rsa, p256 } = keys;
const encrypted = p256.privateKey
  .export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'pass' })
  .toString();
const kinds = (kind: KeyKind): string => makeKey(kind).pem;

describe.concurrent('keys that will not do', () => {
  const cases: readonly (readonly [string, string, object, object])[] = [
    ['another key than the server knows', makeKey('P-256').pem, {}, refused],
    ['another algorithm than the server has a key for', rsa.pem, { algorithm: 'PS256' }, refused],
    ['an encrypted PEM', encrypted, {}, unusable],
    ['a PEM of a public key', p256.publicPem, {}, unusable],
    ['a public JWK', JSON.stringify(p256.publicJwk), {}, unusable],
    ['a symmetric JWK', JSON.stringify({ kty: 'oct', k: 'c2VjcmV0LXNlY3JldC1zZWNyZXQ' }), {}, unusable],
    ['a JWK with the algorithm HS256', p256.jwkText({ alg: 'HS256' }), {}, unusable],
    ['a JWK with the algorithm none', p256.jwkText({ alg: 'none' }), {}, unusable],
    ['a JWK whose algorithm is no text', p256.jwkText({ alg: 7 }), {}, unusable],
    ['an algorithm of another kind of key', p256.pem, { algorithm: 'RS256' }, unusable],
    ['an algorithm of another curve', p256.pem, { algorithm: 'ES384' }, unusable],
    ['a key that agrees on keys only', kinds('x25519'), {}, unusable],
    ['a curve that is not registered', kinds('secp256k1'), { algorithm: 'ES256' }, unusable],
    ['what only begins like JSON', `{${p256.pem}`, {}, unusable],
    ['a set of JWKs', JSON.stringify({ keys: [JSON.parse(p256.jwkText())] }), {}, unusable],
    ['half a PEM', p256.pem.slice(0, 90), {}, unusable],
    ['no key at all', 'correct-horse-battery-staple', {}, unusable],
  ];

  test('park, with a reason and nothing of the key', async () => {
    const specs = cases.map(([, key, more], index) => {
      const privateKey = index % 2 === 0 ? literal(key) : file(fileOf(key));
      return [`case-${index}`, asking('refused', { privateKey, ...more })] as const;
    });
    const { children, heard } = await supervise(Object.fromEntries(specs), { startConcurrency: 16 });
    for (const [index, [what, key, , expected]] of cases.entries()) {
      const name = `case-${index}`;
      const { failure } = await heard.next('mint:failed', name);
      expect(failure, what).toMatchObject(expected);
      expect((await heard.next('child:parked', name)).why, what).toBe('fatal_answer');
      const error: unknown = await children[name]!.get().catch((thrown: unknown) => thrown);
      expect(error, what).toMatchObject({ code: 'PARKED' });
      const told = [failure, error, children[name]!.status(), heard.all]
        .map((one) => inspect(one, { depth: 9 }))
        .join();
      expect(
        piecesOf(key).filter((piece) => told.includes(piece)),
        what,
      ).toEqual([]);
    }
    // What can't sign has asked for nothing.
    const asked = cases.filter(([, , , expected]) => expected === refused).length;
    expect(await seenOf('refused')).toHaveLength(asked);
  });

  test('un-park when the file is mended', async () => {
    const path = fileOf('not yet');
    const { children, heard } = await supervise({ a: asking('mended', { privateKey: file(path) }) });
    expect((await heard.next('child:parked')).why).toBe('fatal_answer');
    writeFileSync(path, p256.pem);
    expect((await heard.next('child:resumed')).by).toBe('secret');
    expect((await children.a.get()).generation).toBe(1);
  });
});

describe.concurrent('an assertion that is there already, in a file', () => {
  const assertionOf = (jti: string) =>
    new SignJWT({})
      .setProtectedHeader({ alg: 'ES256' })
      .setIssuer('ready-made')
      .setSubject('ready-made')
      .setAudience(server.issuer)
      .setIssuedAt()
      .setJti(jti)
      .setExpirationTime('1m')
      .sign(p256.privateKey);

  test('is read at each attempt; the server refuses it a second time, until its platform has replaced it', async () => {
    const path = fileOf(await assertionOf('first'));
    const { children, heard } = await supervise({ a: asking('ready-made', file(path)) });
    expect((await children.a.get()).generation).toBe(1);
    writeFileSync(path, await assertionOf('second'));
    expect((await children.a.refresh()).generation).toBe(2);
    await expect(children.a.refresh()).rejects.toMatchObject({ code: 'PARKED' });
    expect((await heard.next('mint:failed')).failure).toMatchObject(refused);
    expect((await seenOf('ready-made')).at(-1)).toMatchObject({
      detail: 'client assertion tokens must only be used once',
      status: 401,
    });
    writeFileSync(path, await assertionOf('third'));
    expect((await heard.next('child:resumed')).by).toBe('secret');
    expect((await children.a.refresh()).generation).toBeGreaterThanOrEqual(3);
    const jtis = (await seenOf('ready-made')).map(({ clientAssertion }) => clientAssertion!.payload.jti);
    expect(jtis.slice(0, 4)).toEqual(['first', 'second', 'second', 'third']);
  });
});

test.concurrent('a client with a refresh token proves itself in the same way', async () => {
  const seed = await server.issueRefreshToken('refreshing');
  const { children } = await supervise({
    a: credential({
      provider: refreshToken({
        issuer: server.issuer,
        clientId: 'refreshing',
        clientAssertion: { privateKey: p256.pem },
        refreshToken: seed,
        store: 'memory',
      }),
    }),
  });
  await children.a.get();
  expect((await children.a.refresh()).generation).toBe(2);
  const seen = await seenOf('refreshing');
  expect(new Set(seen.map(({ clientAssertion }) => clientAssertion!.payload.jti)).size).toBe(2);
  expect(await server.stats()).toMatchObject({ reuses: 0 });
});

test('only threads that sign load what signs', async () => {
  const preload = new URL('./fixtures/tell-packages.mjs', import.meta.url).href;
  const LIST = 'TOKENVISOR_TEST_PACKAGES';
  afterTest(() => delete process.env[LIST]);
  const loadedWith = async (clientAssertion: unknown): Promise<string> => {
    process.env[LIST] = fileOf('');
    const more = { inheritEnv: [LIST], execArgv: ['--import', preload] };
    const { heard } = await supervise({ a: asking('memory', clientAssertion, {}, more) });
    await heard.next('mint:started');
    return readFileSync(process.env[LIST], 'utf8');
  };
  const [signing, ready] = [await loadedWith({ privateKey: p256.pem }), await loadedWith('an assertion')];
  expect(signing).toContain('fast-jwt');
  expect(ready).toContain('comlink');
  expect(ready).not.toContain('fast-jwt');
});

// The last one: its jobs run until the end of the file.
test("with libuv's pool full: a start, a signature and a mint, before the pool has looked at anything", async () => {
  const specs = { a: asking('pool', { privateKey: file(fileOf(p256.pem)) }) };
  const pool = fillPool();
  const { children } = await supervise(specs);
  expect((await children.a.get({ timeoutMs: 10_000 })).generation).toBe(1);
  expect(pool.canaryWaits()).toBe(true);
});
