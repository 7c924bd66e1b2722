/** A credential over TLS: a real authorization server behind a front that has a certificate of its own. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createServer, type TlsOptions as ServerOptions, type Server } from 'node:tls';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { credential } from 'tokenvisor';
import { clientCredentials, file, literal, type TlsOptions } from 'tokenvisor/providers';
import { type AuthorizationServer, startAuthorizationServer } from '../support/authorization-server.mjs';
import { type Authority, createAuthority } from '../support/certificates.js';
import { afterTest, cleanUp, supervise } from '../support/supervised.js';

let server: AuthorizationServer;
const authority: Authority = createAuthority('an authority');
const folder = mkdtempSync(path.join(tmpdir(), 'tokenvisor-tls-'));

beforeAll(async () => {
  server = await startAuthorizationServer();
});
afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true });
});
afterEach(cleanUp);

interface Front {
  readonly server: Server;
  readonly origin: string;
}

/** Speaks TLS, and hands on what is said to the authorization server. */
const startFront = async (options: ServerOptions): Promise<Front> => {
  const front = createServer(options, (secured) => {
    const plain = connect(Number(new URL(server.url).port), '127.0.0.1');
    secured.on('error', () => plain.destroy()).pipe(plain);
    plain.on('error', () => secured.destroy()).pipe(secured);
  });
  await new Promise<void>((resolve) => front.listen(0, '127.0.0.1', resolve));
  afterTest(() => front.close());
  return { server: front, origin: `https://127.0.0.1:${(front.address() as AddressInfo).port}` };
};

/** The options of a credential that asks there. */
const asking = (origin: string, tls?: TlsOptions) => ({
  provider: clientCredentials({
    tokenEndpoint: `${origin}/token`,
    clientId: 'reports',
    clientSecret: server.clients[0]!.clientSecret,
    ...(tls && { tls }),
  }),
});

const fileOf = (name: string, contents: string): string => {
  const target = path.join(folder, name);
  writeFileSync(target, contents);
  return target;
};

test('an authority of one’s own, as a text, a file and a list; by address and by name', async () => {
  const { origin } = await startFront(authority.issue());
  const byName = origin.replace('127.0.0.1', 'localhost');
  const { supervisor, children } = await supervise({
    text: credential(asking(origin, { ca: authority.cert })),
    file: credential(asking(byName, { ca: file(fileOf('ca.pem', authority.cert)) })),
    list: credential(asking(origin, { ca: [literal(createAuthority('another').cert), authority.cert] })),
  });
  await supervisor.ready();
  expect(Object.values(children).map((child) => child.current().generation)).toEqual([1, 1, 1]);
});

test.each([
  ['by nobody that is known', () => createAuthority('an authority').issue()],
  ['for another name', () => authority.issue({ dnsNames: ['other.example'], addresses: ['127.0.0.2'] })],
  ['that has expired', () => authority.issue({ notAfterMs: Date.now() - 60_000 })],
])('a certificate %s: parked with nothing sent, until a probe finds a better one', async (_what, bad) => {
  const { tokenRequests } = await server.stats();
  const front = await startFront(bad());
  const { children, heard } = await supervise({
    upstream: credential({ ...asking(front.origin, { ca: authority.cert }), probeEveryMs: 1_000 }),
  });
  const { upstream } = children;
  const { failure } = await heard.next('mint:failed');
  expect(failure).toMatchObject({ class: 'fatal', reason: 'tls_failed' });
  expect(await heard.next('child:parked')).toMatchObject({
    why: 'fatal_answer',
    probeAtMs: expect.any(Number) as number,
  });
  await expect(upstream.get()).rejects.toMatchObject({ code: 'PARKED', cause: { reason: 'tls_failed' } });
  // The first probe finds it as it was, and parks no second time.
  expect((await heard.next('mint:failed')).failure).toMatchObject({ reason: 'tls_failed' });
  expect((await server.stats()).tokenRequests).toBe(tokenRequests);
  front.server.setSecureContext(authority.issue());
  await heard.next('mint:succeeded');
  expect(await heard.next('child:resumed')).toMatchObject({ by: 'probe' });
  expect(heard.of('child:parked')).toHaveLength(1);
  expect(upstream.current().generation).toBe(1);
});

test('no authority given: only those that are well known are trusted; update() gives one', async () => {
  const { origin } = await startFront(authority.issue());
  const { children, heard } = await supervise({ upstream: credential(asking(origin)) });
  expect((await heard.next('child:parked')).why).toBe('fatal_answer');
  const { probeAtMs = 0 } = children.upstream.status().parked ?? {};
  expect(probeAtMs).toBeGreaterThan(Date.now() + 250_000);
  await children.upstream.update(asking(origin, { ca: authority.cert }));
  expect((await children.upstream.get()).generation).toBe(1);
});

test('a certificate of one’s own: parked without it, and read from its files when they change', async () => {
  const clients = createAuthority('the clients’ authority');
  const { cert, key } = clients.issue();
  const [certFile, keyFile] = [path.join(folder, 'client.pem'), path.join(folder, 'client.key')];
  const { origin } = await startFront({
    ...authority.issue(),
    requestCert: true,
    rejectUnauthorized: true,
    ca: clients.cert,
  });
  const tls = { ca: authority.cert, cert: file(certFile), key: file(keyFile) };
  const { children, heard } = await supervise({
    nobody: credential(asking(origin, { ca: authority.cert })),
    upstream: credential(asking(origin, tls)),
  });
  expect((await heard.next('mint:failed', 'nobody')).failure).toMatchObject({ class: 'fatal', reason: 'tls_failed' });
  const { failure } = await heard.next('mint:failed', 'upstream');
  expect(failure).toMatchObject({ class: 'fatal', reason: 'secret_unreadable' });
  writeFileSync(keyFile, key);
  writeFileSync(certFile, cert);
  await heard.next('mint:succeeded', 'upstream');
  expect(children.upstream.status()).toMatchObject({ state: 'fresh', failures: 0 });
  expect(new Set(heard.of('child:resumed').map(({ by }) => by))).toEqual(new Set(['secret']));
  expect(children.nobody.status()).toMatchObject({ state: 'parked', attempts: 1 });
});
