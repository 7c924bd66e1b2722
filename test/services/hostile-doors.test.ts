/** The hostile server at the other doors: no connection, no TLS, an issuer's metadata, keys; and before a real server. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { inspect } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { credential, type ChildSpec, type Credential } from 'tokenvisor';
import { clientCredentials, refreshToken } from 'tokenvisor/providers';
import { JwtVerifier } from '../../src/jwt/jwt-verifier.js';
import { createSimulatedClock } from '../../src/testing/simulated-clock.js';
import { catalogue, connections, type Entry } from '../hostile/catalogue.js';
import { expectKept, LONG_MS, SHORT_MS } from '../hostile/expect-kept.js';
import { meet, wellAtFirst, type Lane, type Met } from '../hostile/lanes.js';
import { deferred, providerOf } from '../hostile/providers.js';
import { startHostileProcess, type HostileProcess } from '../hostile/server-process.mjs';
import { startHostileServer } from '../hostile/server.js';
import { CANARY, type Fault } from '../hostile/types.js';
import { startAuthorizationServer } from '../support/authorization-server.mjs';
import { checkedVerification, sign } from '../support/signed-tokens.js';
import { makeKey } from '../support/signing-keys.js';
import { afterTest, BOUND_MS, cleanUp, eventually, supervise, type Heard } from '../support/supervised.js';

const folder = mkdtempSync(path.join(tmpdir(), 'tokenvisor-hostile-doors-'));
const key = makeKey('P-256');
const published = { keys: [{ ...key.publicJwk, kid: 'one', use: 'sig', alg: 'ES256' }] };

let server: HostileProcess;
const heards: Heard[] = [];

const superviseAll = async (specs: Readonly<Record<string, ChildSpec<Credential>>>) => {
  const supervised = await supervise(specs);
  heards.push(supervised.heard);
  return supervised;
};

const faultNamed = (name: string): Fault => {
  const entry = catalogue.find((one) => one.name === name);
  if (!entry) throw new Error(`Expected an entry '${name}' in the catalogue`);
  return entry.fault;
};

const KINDS = ['reusable', 'singleUse'] as const;
const met = new Map<string, Promise<Met>>();

/** What strikes before anything is asked says nothing of its client: each credential has a server of its own. */
const startConnections = async (): Promise<void> => {
  const specs: Record<string, ChildSpec<Credential>> = {};
  const plans: { readonly entry: Entry; readonly key: string; readonly lane: Omit<Lane, 'child' | 'heard'> }[] = [];
  for (const entry of connections) {
    for (const kind of KINDS) {
      const own = await startHostileServer({ tls: entry.tls === true });
      afterTest(() => own.close());
      const name = `${kind}-${plans.length}`;
      const timeoutMs = entry.over === 'at_timeout' ? SHORT_MS : LONG_MS;
      const asked = { tokenEndpoint: own.tokenEndpoint, clientId: name, timeoutMs, ...(own.ca && { ca: own.ca }) };
      const provider = providerOf(kind, kind === 'singleUse' ? folder : 'memory', asked, () => own.authorise(name));
      specs[name] = credential({ provider: await provider() });
      plans.push({ entry, key: `${kind} ${entry.name}`, lane: { name, server: own, to: undefined, provider } });
    }
  }
  const { supervisor, children, heard } = await superviseAll(specs);
  await supervisor.ready({ timeoutMs: 30_000 });
  for (const { entry, key: at, lane } of plans) {
    const { promise, resolve, reject } = deferred<Met>();
    met.set(at, promise);
    const whole: Lane = { ...lane, child: children[lane.name]!, heard };
    void wellAtFirst(whole)
      .then(() => meet(whole, entry))
      .then(resolve, reject);
  }
};

beforeAll(async () => {
  server = await startHostileProcess({ jwks: published });
  await startConnections();
});
afterAll(async () => {
  await cleanUp();
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});

describe.each(KINDS)('no connection, %s', (kind) => {
  test.each(connections.map((entry) => [entry.name, entry] as const))('%s', async (_name, entry) => {
    expectKept(entry[kind], entry.over, await met.get(`${kind} ${entry.name}`)!);
  });
});

const metadata = (members: Readonly<Record<string, unknown>>): Fault => ({ kind: 'members', members });

/** Whatever an issuer says, no refresh token has been sent: nothing is ambiguous. */
const discoveries: readonly (readonly [string, Fault, object | 'token'])[] = [
  ...(
    [
      ['500', { class: 'transient', status: 500 }],
      ['429, Retry-After 0', { class: 'transient', status: 429, retryAfterMs: 0 }],
      ['404 in HTML', { class: 'fatal', status: 404 }],
      ['400 invalid_grant', { class: 'fatal' }],
      ['304', { class: 'transient', status: 304 }],
      ['204', { class: 'transient', reason: 'malformed_answer' }],
      ['HTML', { class: 'transient', reason: 'malformed_answer' }],
      ['100 MB', { class: 'transient', reason: 'malformed_answer' }],
      ['nested 100,000 deep', { class: 'transient', reason: 'malformed_answer' }],
      ['in UTF-16, big end first', { class: 'transient', reason: 'malformed_answer' }],
      ['without its last brace', { class: 'transient', reason: 'malformed_answer' }],
      ['headers without an end', { class: 'transient', reason: 'malformed_answer' }],
      ['both a length and chunks', { class: 'transient', reason: 'malformed_answer' }],
      ['a reset in the headers', { class: 'transient', reason: 'connection_lost' }],
      ['an end in the headers', { class: 'transient', reason: 'connection_lost' }],
      ['it hangs in the body', { class: 'transient', reason: 'timed_out' }],
      ['in UTF-8 with a byte order mark', 'token'],
      ['more after the end', 'token'],
      ['a member that nobody knows, nested', 'token'],
    ] as const
  ).map(([name, promised]) => [name, faultNamed(name), promised] as const),
  ['another issuer', metadata({ issuer: `https://${CANARY}.example` }), { class: 'fatal', reason: 'malformed_answer' }],
  ['an issuer that is a list', metadata({ issuer: [CANARY] }), { class: 'transient', reason: 'malformed_answer' }],
  ['no endpoint', { kind: 'members', without: ['token_endpoint'] }, { class: 'transient', reason: 'malformed_answer' }],
  ['an endpoint that is a number', metadata({ token_endpoint: 5 }), { class: 'transient', reason: 'malformed_answer' }],
  [
    'an endpoint that is no URL',
    metadata({ token_endpoint: CANARY }),
    { class: 'transient', reason: 'malformed_answer' },
  ],
  [
    'an endpoint that is a file',
    metadata({ token_endpoint: 'file:///etc/hosts' }),
    { class: 'transient', reason: 'malformed_answer' },
  ],
  [
    'an endpoint in clear',
    metadata({ token_endpoint: 'http://a.example/token' }),
    { class: 'fatal', reason: 'tls_failed' },
  ],
  [
    'an endpoint with a password',
    metadata({ token_endpoint: `http://${CANARY}:${CANARY}@127.0.0.1/` }),
    { class: 'transient', reason: 'malformed_answer' },
  ],
  [
    'ways to authenticate that are no list',
    metadata({ token_endpoint_auth_methods_supported: 5 }),
    { class: 'transient', reason: 'malformed_answer' },
  ],
  ['ways to authenticate of null', metadata({ token_endpoint_auth_methods_supported: null }), 'token'],
  ['ways to authenticate of numbers', metadata({ token_endpoint_auth_methods_supported: [5, null] }), 'token'],
];

describe('the metadata of an issuer', () => {
  let heard: Heard;
  let children: Readonly<Record<string, Credential>>;
  const nameOf = (index: number): string => `issuer-${index}`;

  beforeAll(async () => {
    const specs: Record<string, ChildSpec<Credential>> = {};
    for (const [index, [, fault]] of discoveries.entries()) {
      const name = nameOf(index);
      await server.next(fault, 2, { at: 'metadata', clientId: name });
      const common = { issuer: `${server.origin}/${name}`, clientId: name, clientSecret: `${CANARY}-secret` };
      specs[name] = credential({
        provider: refreshToken({
          ...common,
          refreshToken: await server.authorise(name),
          store: 'memory',
          timeoutMs: SHORT_MS * 2,
        }),
      });
    }
    ({ heard, children } = await superviseAll(specs));
  });

  test.each(discoveries.map(([name, , promised], index) => [name, nameOf(index), promised] as const))(
    '%s',
    async (_what, name, promised) => {
      const child = children[name]!;
      if (promised === 'token') {
        await heard.next('mint:succeeded', name);
        expect(heard.of('mint:failed', name)).toEqual([]);
        return;
      }
      expect((await heard.next('mint:failed', name)).failure).toMatchObject(promised);
      await server.clear({ at: 'metadata', clientId: name });
      if (child.status().state === 'parked') await child.resume();
      expect((await child.get({ timeoutMs: BOUND_MS })).generation).toBe(1);
      // It came to itself by asking for the metadata again, and the refresh token was sent once.
      const tokens = (await server.seen()).filter(({ at, clientId }) => at === 'token' && clientId === name);
      expect(tokens).toHaveLength(1);
    },
  );
});

test('100 MB are not read: neither the memory of this process grows by them, nor are they sent', async () => {
  const { children, supervisor } = await superviseAll({
    large: credential({
      provider: clientCredentials({
        tokenEndpoint: server.tokenEndpoint,
        clientId: 'large',
        clientSecret: `${CANARY}-secret`,
      }),
    }),
  });
  await supervisor.ready();
  const { large } = children;
  const before = { rss: process.memoryUsage.rss(), sent: (await server.stats()).bytesWritten };
  for (const name of ['chunks of 100 MB', '100 MB to the end of the connection']) {
    await server.next(faultNamed(name), 1, { clientId: 'large' });
    const { generation } = large!.current();
    await large!.refresh({ timeoutMs: BOUND_MS }); // After the next attempt, which is well.
    expect(large!.current().generation).toBe(generation + 1);
    expect(large!.status().attempts).toBe(2 * generation + 1);
  }
  const openOf = async (): Promise<number | undefined> => (await server.stats()).byClient['large']?.open;
  for (const endMs = performance.now() + BOUND_MS; (await openOf()) !== 0; await sleep(5)) {
    expect(performance.now()).toBeLessThan(endMs);
  }
  expect((await server.stats()).bytesWritten - before.sent).toBeLessThan(40e6);
  expect(process.memoryUsage.rss() - before.rss).toBeLessThan(60e6);
});

test.concurrent.each([
  ['500 in HTML', '502 in HTML', false],
  ['a redirect', '302 to elsewhere', false],
  ['100 MB', '100 MB', false],
  ['nested', 'nested 100,000 deep', false],
  ['a reset', 'a reset in the headers', false],
  ['headers without an end', 'headers without an end', false],
  ['cut', 'without its last brace', false],
  ['a byte order mark', 'in UTF-8 with a byte order mark', true],
  ['more after the end', 'more after the end', true],
] as const)('the keys of a JWKS URL: %s', async (what, name, isGood) => {
  const clock = createSimulatedClock();
  const clientId = what.replaceAll(' ', '-');
  const jwksUrl = `${server.origin}/jwks/${clientId}`;
  const verifier = new JwtVerifier(checkedVerification({ algorithms: ['ES256'], jwksUrl }), { clock });
  afterTest(() => verifier.close());
  await server.next(faultNamed(name), 1, { at: 'jwks', clientId });
  const token = await sign(key, 'ES256', { jti: 'token-1' }, { kid: 'one' });
  const result = await verifier.verify(token);
  expect(result).toMatchObject(isGood ? { ok: true } : { ok: false, error: { code: 'KEYS_UNAVAILABLE' } });
  expect(inspect(result, { depth: null })).not.toMatch(/canary/i);
  clock.advance(1_000);
  expect(await verifier.verify(token)).toMatchObject({ ok: true });
});

test.concurrent('before a real server: it verifies and rotates, and nothing is sent twice', async () => {
  const real = await startAuthorizationServer({ accessTokenTtlS: 3_600 });
  afterTest(() => real.close());
  const front = await startHostileProcess({ upstream: real.url });
  afterTest(() => front.close());
  const client = real.clients.find(({ clientId }) => clientId === 'mail')!;
  const authorised = async () => ({
    provider: refreshToken({
      tokenEndpoint: front.tokenEndpoint,
      clientId: client.clientId,
      clientSecret: client.clientSecret,
      refreshToken: await real.issueRefreshToken('mail'),
      store: 'memory',
    }),
  });
  const { children, supervisor, heard } = await superviseAll({ mail: credential(await authorised()) });
  const mail = children['mail']!;
  await supervisor.ready();
  await front.next({ kind: 'duplicate_key', key: 'scope', value: 'read' });
  expect((await mail.refresh()).scopes).toEqual(['read']);
  await front.next({ kind: 'status', status: 503 });
  expect((await mail.refresh({ timeoutMs: BOUND_MS })).generation).toBe(3);
  await front.next({ kind: 'delivery', acts: true, delivery: { kind: 'reset', bytes: 0 } });
  await expect(mail.refresh({ timeoutMs: BOUND_MS })).rejects.toMatchObject({ code: 'PARKED' });
  expect(mail.status().parked).toMatchObject({ why: 'ambiguous_exchange' });
  await mail.update(await authorised());
  await eventually('the next token', () => mail.current().generation === 4);
  expect(heard.of('mint:failed').map(({ failure }) => failure.class)).toEqual(['transient', 'ambiguous']);
  expect(await real.stats()).toMatchObject({ reuses: 0, revokedGrants: 0, tokensIssued: 5 });
});

test('no event has a secret', async () => {
  await Promise.allSettled(met.values());
  for (const { all } of heards) {
    expect(inspect(all, { depth: null, maxArrayLength: null, maxStringLength: null })).not.toMatch(/canary/i);
  }
});
