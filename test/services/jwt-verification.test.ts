/** Tokens verified with keys that a real server publishes, or that lie in a real file. */
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createTlsServer } from 'node:https';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { JwtVerifier } from '../../src/jwt/jwt-verifier.js';
import type { VerifyResult } from '../../src/jwt/verify-result.js';
import { file } from '../../src/secrets/references.js';
import { createSimulatedClock } from '../../src/testing/simulated-clock.js';
import { createAuthority } from '../support/certificates.js';
import { fillPool } from '../support/full-pool.js';
import { serve, type ScriptedAnswer } from '../support/http-server.js';
import { checkedVerification, SECRET, sign } from '../support/signed-tokens.js';
import { makeKey, type TestKey } from '../support/signing-keys.js';
import { afterTest, cleanUp } from '../support/supervised.js';

afterEach(cleanUp);

const first = makeKey('P-256');
const second = makeKey('P-256');

const setOf = (keys: Readonly<Record<string, TestKey>>): object => ({
  keys: Object.entries(keys).map(([kid, { publicJwk }]) => ({ ...publicJwk, kid, use: 'sig', alg: 'ES256' })),
});

const tokenOf = (key: TestKey, kid: string, jti = 'token-1'): Promise<string> => sign(key, 'ES256', { jti }, { kid });

const verifierOf = (options: object, clock = createSimulatedClock()): JwtVerifier => {
  const verifier = new JwtVerifier(checkedVerification({ algorithms: ['ES256'], ...options }), { clock });
  afterTest(() => verifier.close());
  return verifier;
};

/** A verifier of what a server says, which may be changed. */
const published = async (answer: ScriptedAnswer, options: object = {}) => {
  const site = { answer };
  const server = await serve(() => site.answer);
  afterTest(() => server.close());
  const clock = createSimulatedClock();
  const verifier = verifierOf({ jwksUrl: `${server.origin}/keys`, ...options }, clock);
  return { site, server, clock, verifier };
};

const good = { ok: true, claims: { jti: 'token-1' } };
const refused = (code: string, text: string): unknown => ({
  ok: false,
  error: expect.objectContaining({ code, message: expect.stringContaining(text) as string }) as unknown,
});

test('the first token has the keys fetched, the next are verified at once', async () => {
  const { server, verifier } = await published({ body: setOf({ one: first }) });
  const token = await tokenOf(first, 'one');
  const waiting = verifier.verify(token);
  expect(waiting).toBeInstanceOf(Promise);
  expect(await waiting).toEqual(good);
  for (let at = 0; at < 20; at += 1) expect(verifier.verify(token)).toEqual(good);
  expect(server.seen).toMatchObject([{ method: 'GET', path: '/keys', headers: { accept: 'application/json' } }]);
});

test('a rotation: the new key is found by its name, the old one goes with the next fetch', async () => {
  const { site, server, clock, verifier } = await published({ body: setOf({ one: first }) });
  expect(await verifier.verify(await tokenOf(first, 'one'))).toEqual(good);
  site.answer = { body: setOf({ one: first, two: second }) };
  clock.advance(30_000);
  const tokens = await Promise.all(['token-1', 'token-2', 'token-3'].map((jti) => tokenOf(second, 'two', jti)));
  const results = await Promise.all(tokens.map(async (token) => verifier.verify(token)));
  expect(results.map(({ ok }) => ok)).toEqual([true, true, true]);
  expect(server.seen.length).toBe(2);
  site.answer = { body: setOf({ two: second }) };
  expect(verifier.verify(await tokenOf(first, 'one'))).toEqual(good);
  clock.advance(600_000);
  expect(await verifier.verify(await tokenOf(first, 'one'))).toEqual(refused('TOKEN_REFUSED', 'no key'));
  expect(verifier.verify(await tokenOf(second, 'two'))).toEqual(good);
  expect(server.seen.length).toBe(3);
});

test('made-up names of keys have nothing fetched but once in the cool-down', async () => {
  const { server, clock, verifier } = await published({ body: setOf({ one: first }) });
  await verifier.verify(await tokenOf(first, 'one'));
  for (let at = 0; at < 50; at += 1) {
    expect(verifier.verify(await tokenOf(second, `made-up-${at}`))).toEqual(refused('TOKEN_REFUSED', 'no key'));
  }
  clock.advance(30_000);
  const late = await tokenOf(second, 'made-up');
  expect(await verifier.verify(late)).toEqual(refused('TOKEN_REFUSED', 'no key'));
  expect(verifier.verify(late)).toEqual(refused('TOKEN_REFUSED', 'no key'));
  expect(server.seen.length).toBe(2);
});

test('a server that is away: keys that are known go on, one that is not can’t be told from a bad one', async () => {
  const { site, clock, verifier } = await published({ body: setOf({ one: first }) });
  const known = await tokenOf(first, 'one');
  await verifier.verify(known);
  site.answer = { fault: 'cut' };
  clock.advance(700_000);
  expect(await verifier.verify(known)).toEqual(good);
  expect(verifier.verify(known)).toEqual(good);
  clock.advance(1_000);
  expect(await verifier.verify(await tokenOf(second, 'two'))).toEqual(refused('KEYS_UNAVAILABLE', '127.0.0.1'));
  expect(verifier.verify(known)).toEqual(good);
  clock.advance(86_400_000);
  expect(await verifier.verify(known)).toEqual(refused('KEYS_UNAVAILABLE', '127.0.0.1'));
  site.answer = { body: setOf({ one: first }) };
  clock.advance(1_000);
  expect(await verifier.verify(known)).toEqual(good);
});

test('a server that is silent is given up at its bound, and again each time', async () => {
  const { site, verifier, clock } = await published({ fault: 'silence' }, { jwksTimeoutMs: 200 });
  const token = await tokenOf(first, 'one');
  const waiting = verifier.verify(token) as Promise<VerifyResult>;
  // The request is on its way in real time, and given up by the clock of the test.
  clock.advance(200);
  expect(await waiting).toEqual(refused('KEYS_UNAVAILABLE', 'its time is over'));
  site.answer = { body: setOf({ one: first }) };
  clock.advance(1_000);
  expect(await verifier.verify(token)).toEqual(good);
});

test.each<[string, ScriptedAnswer, string]>([
  ['too large', { body: Buffer.alloc(300_000, ' ') }, 'more than 262144 bytes'],
  ['a redirect', { status: 302, headers: { location: '/other' } }, 'status 302'],
  ['no JSON', { body: '<html>' }, 'not JSON'],
  ['compressed', { headers: { 'content-encoding': 'gzip' }, body: 'x' }, 'content encoding'],
  ['cut off', { fault: 'half' }, 'broke'],
])('an answer that is %s is none', async (_, answer, text) => {
  const { server, verifier } = await published(answer);
  expect(await verifier.verify(await tokenOf(first, 'one'))).toEqual(refused('KEYS_UNAVAILABLE', text));
  expect(server.seen.length).toBe(1);
});

test('over TLS, with the certificate of an authority of one’s own and not without', async () => {
  const authority = createAuthority('an authority');
  const identity = authority.issue();
  const server = await serve(
    { body: setOf({ one: first }) },
    (listener) => createTlsServer(identity, listener),
    'https',
  );
  afterTest(() => server.close());
  const token = await tokenOf(first, 'one');
  const jwksUrl = `${server.origin}/keys`;
  expect(await verifierOf({ jwksUrl }).verify(token)).toEqual(refused('KEYS_UNAVAILABLE', 'TLS'));
  expect(await verifierOf({ jwksUrl, tls: { ca: authority.cert } }).verify(token)).toEqual(good);
});

test('while libuv’s pool is full', async () => {
  const { verifier } = await published({ body: setOf({ one: first }) });
  const token = await tokenOf(first, 'one');
  const { canaryWaits } = fillPool();
  expect(await verifier.verify(token)).toEqual(good);
  expect(canaryWaits()).toBe(true);
});

test('a file that is replaced, and a secret in a file', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'jwt-'));
  afterTest(() => rmSync(folder, { recursive: true }));
  const jwksFile = path.join(folder, 'keys.json');
  const replace = (target: string, text: string): void => {
    writeFileSync(`${target}.new`, text);
    renameSync(`${target}.new`, target);
  };
  const clock = createSimulatedClock();
  const byKeys = verifierOf({ jwksFile }, clock);
  expect(byKeys.verify(await tokenOf(first, 'one'))).toEqual(refused('KEYS_UNAVAILABLE', 'keys.json'));
  replace(jwksFile, JSON.stringify(setOf({ one: first })));
  clock.advance(1_000);
  expect(byKeys.verify(await tokenOf(first, 'one'))).toEqual(good);
  replace(jwksFile, JSON.stringify(setOf({ two: second })));
  expect(byKeys.verify(await tokenOf(second, 'two'))).toEqual(good);
  expect(byKeys.verify(await tokenOf(first, 'one'))).toEqual(refused('TOKEN_REFUSED', 'no key'));

  const secretFile = path.join(folder, 'secret');
  replace(secretFile, `${SECRET}\n`);
  const bySecret = verifierOf({ secret: file(secretFile), algorithms: ['HS256'] }, clock);
  expect(bySecret.verify(await sign(SECRET, 'HS256'))).toEqual(good);
  replace(secretFile, `another ${SECRET}`);
  expect(bySecret.verify(await sign(`another ${SECRET}`, 'HS256'))).toEqual(good);
  expect(bySecret.verify(await sign(SECRET, 'HS256'))).toEqual(refused('TOKEN_REFUSED', 'signature'));
});

test('no error shows the token, nor the secret', async () => {
  const verifier = verifierOf({ secret: SECRET, algorithms: ['HS256'] });
  const token = await sign(`${SECRET}!`, 'HS256', { jti: 'a name that nobody is told' });
  const result = (await verifier.verify(token)) as { error: Error };
  const text = `${String(result.error)} ${JSON.stringify(result.error)} ${result.error.stack} ${String(result.error.cause)}`;
  for (const part of [...token.split('.'), 'nobody is told', SECRET]) expect(text).not.toContain(part);
});
