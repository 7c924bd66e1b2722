/** What the shell puts on a socket, seen from the other end of it. */
import { createServer } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { afterEach, expect, test } from 'vitest';
import { startHostileServer, type HostileServer, type HostileServerOptions } from '../../hostile/server.js';
import type { Delivery, Fault } from '../../hostile/types.js';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const start = async (options?: HostileServerOptions): Promise<HostileServer> => {
  const server = await startHostileServer(options);
  cleanups.push(() => server.close());
  return server;
};

const form = 'grant_type=client_credentials&client_id=reports';
const request = (path = '/token', body = form): string =>
  `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${body}`;

interface Outcome {
  readonly text: string;
  readonly end: 'fin' | 'ECONNRESET' | 'enough';
}

/** What comes back, until the server ends it, or there is enough. */
const ask = (socket: Socket, { text = request(), enough = /^(?!)/ } = {}): Promise<Outcome> =>
  new Promise((resolve, reject) => {
    let came = '';
    cleanups.push(() => socket.destroy());
    socket.setEncoding('latin1').on('data', (chunk: string) => {
      came += chunk;
      if (enough.test(came)) resolve({ text: came, end: 'enough' });
    });
    socket.on('end', () => resolve({ text: came, end: 'fin' }));
    socket.on('error', (error: NodeJS.ErrnoException) =>
      error.code === 'ECONNRESET' ? resolve({ text: came, end: 'ECONNRESET' }) : reject(error),
    );
    socket.write(text);
  });

const open = (server: HostileServer): Socket => connect({ port: server.port, host: '127.0.0.1', allowHalfOpen: true });
const bodyOf = ({ text }: Outcome): string => text.slice(text.indexOf('\r\n\r\n') + 4);

const delivered = (delivery: Exclude<Delivery, { kind: 'no_connection' }>, acts = true): Fault => ({
  kind: 'delivery',
  acts,
  delivery,
});

test('an answer that is well: one request a connection, and its end', async () => {
  const server = await start();
  const outcome = await ask(open(server));
  expect(outcome).toMatchObject({ end: 'fin', text: expect.stringMatching(/^HTTP\/1\.1 200 OK\r\n/) as string });
  expect(JSON.parse(bodyOf(outcome))).toMatchObject({ access_token: 'canary-access-1' });
  expect(server.stats()).toMatchObject({ counts: { requests: 1, issued: 1 }, byClient: { reports: { requests: 1 } } });
});

test.each([
  [{ kind: 'delayed', ms: 5 }, 'fin', /"scope":"read write"\}$/],
  [{ kind: 'byte_by_byte', everyMs: 0 }, 'fin', /"scope":"read write"\}$/],
  [{ kind: 'reset', bytes: 0 }, 'ECONNRESET', /^$/],
  [{ kind: 'reset', bytes: 12 }, 'ECONNRESET', /^HTTP\/1\.1 200$/],
  [{ kind: 'half_closed', bytes: 0 }, 'fin', /^$/],
  [{ kind: 'half_closed', bytes: 12 }, 'fin', /^HTTP\/1\.1 200$/],
] as const)('delivered as %j it ends by %s', async (delivery, end, text) => {
  const server = await start();
  server.next(delivered(delivery));
  const outcome = await ask(open(server));
  expect(outcome.end).toBe(end);
  expect(outcome.text).toMatch(text);
  expect(server.stats().counts.issued).toBe(1);
});

test('one that hangs, or keeps its connection, is open until the client goes', async () => {
  const server = await start();
  server.next(delivered({ kind: 'hang_before_headers' }, false));
  server.next(delivered({ kind: 'hang_in_body', bytes: 3 }));
  server.next(delivered({ kind: 'kept_open' }));
  const silent = open(server);
  void ask(silent);
  const { text } = await ask(open(server), { enough: /\r\n\r\n\{"a$/ });
  expect(text).toMatch(/^HTTP/);
  const whole = await ask(open(server), { enough: /\}$/ });
  expect(whole).toMatchObject({ end: 'enough', text: expect.stringMatching(/\}$/) as string });
  expect(server.stats().byClient['reports']).toMatchObject({ requests: 3, acted: 2, open: 3 });
  silent.destroy();
  await expect.poll(() => server.stats().connections.open).toBe(2);
});

test('100 MB are written only as fast as they are read', async () => {
  const server = await start();
  server.next({ kind: 'body', body: { repeat: 'canary ', times: 1e8 / 7 } });
  const socket = open(server);
  await ask(socket, { enough: /canary/ });
  socket.pause();
  socket.destroy();
  await expect.poll(() => server.stats().connections.open).toBe(0);
  expect(server.stats().bytesWritten).toBeLessThan(2e7);
});

test('a fault is for whom it is meant, at the door that it is meant for, so many times', async () => {
  const server = await start({ jwks: { keys: [{ kid: 'a' }] } });
  server.next({ kind: 'status', status: 503 }, 2, { clientId: 'reports' });
  server.next({ kind: 'status', status: 418 }, 1, { clientId: 'reports', at: 'metadata' });
  const statusOf = async (text: string): Promise<string> => (await ask(open(server), { text })).text.slice(9, 12);
  expect(await statusOf(request('/token', form.replace('reports', 'others')))).toBe('200');
  expect([await statusOf(request()), await statusOf(request()), await statusOf(request())]).toEqual([
    '503',
    '503',
    '200',
  ]);
  const metadata = 'GET /.well-known/oauth-authorization-server/reports HTTP/1.1\r\n\r\n';
  expect(await statusOf(metadata)).toBe('418');
  expect(JSON.parse(bodyOf(await ask(open(server), { text: metadata })))).toEqual({
    issuer: `${server.origin}/reports`,
    token_endpoint: server.tokenEndpoint,
  });
  const keys = await ask(open(server), { text: 'GET /jwks/reports HTTP/1.1\r\n\r\n' });
  expect(JSON.parse(bodyOf(keys))).toEqual({ keys: [{ kid: 'a' }] });
  expect(server.seen().map(({ at, fault }) => [at, fault?.kind])).toEqual([
    ['token', undefined],
    ['token', 'status'],
    ['token', 'status'],
    ['token', undefined],
    ['metadata', 'status'],
    ['metadata', undefined],
    ['jwks', undefined],
  ]);
});

test('TLS: each of its faults is one, and the request never comes', async () => {
  const server = await start({ tls: true });
  const codeUnder = async (fault?: Fault): Promise<string> => {
    if (fault) server.next(fault);
    const socket = connectTls({ port: server.port, host: '127.0.0.1', ca: server.ca });
    cleanups.push(() => socket.destroy());
    return new Promise((resolve) => {
      socket.on('secureConnect', () => resolve('well'));
      socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? ''));
    });
  };
  const why = ['tls_wrong_name', 'tls_expired', 'tls_unknown_authority', 'tls_reset', 'tls_not_spoken'] as const;
  const codes = [];
  for (const one of why) codes.push(await codeUnder({ kind: 'connection', why: one }));
  expect(codes).toEqual([
    'ERR_TLS_CERT_ALTNAME_INVALID',
    'CERT_HAS_EXPIRED',
    'CERT_SIGNATURE_FAILURE',
    'ECONNRESET',
    'ERR_SSL_WRONG_VERSION_NUMBER',
  ]);
  expect(await codeUnder()).toBe('well');
  expect(server.stats().counts.requests).toBe(0);
});

test('a connection is refused until it is cleared', async () => {
  const server = await start();
  server.next({ kind: 'connection', why: 'refused' });
  await expect(ask(open(server))).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  server.clear();
  expect((await ask(open(server))).end).toBe('fin');
});

test('an upstream is asked what this one acts on, headers and all, and its answer is mangled', async () => {
  const asked: unknown[] = [];
  const upstream = createServer((incoming, response) => {
    asked.push([incoming.method, incoming.url, incoming.headers['x-more']]);
    incoming.resume().on('end', () => response.end('{"access_token":"a","expires_in":60}'));
  });
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
  cleanups.push(() => void upstream.close());
  const server = await start({ upstream: `http://127.0.0.1:${(upstream.address() as AddressInfo).port}` });
  const text = request().replace('Host', 'X-More: canary\r\nHost');
  server.next({ kind: 'members', members: { expires_in: 'soon' } });
  expect(JSON.parse(bodyOf(await ask(open(server), { text })))).toEqual({ access_token: 'a', expires_in: 'soon' });
  server.next({ kind: 'status', status: 500 });
  expect((await ask(open(server), { text })).text).toMatch(/^HTTP\/1\.1 500 /);
  expect(asked).toEqual([['POST', '/token', 'canary']]);
  upstream.close();
  upstream.closeAllConnections();
  expect((await ask(open(server), { text })).end).toBe('ECONNRESET');
});
