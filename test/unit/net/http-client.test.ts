import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createSecureServer } from 'node:https';
import { createServer as createTcpServer, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/core/clock.js';
import { AddressBook, type Address } from '../../../src/net/dns-cache.js';
import { MAX_BODY_BYTES, createHttpClient } from '../../../src/net/http-client.js';
import { mayHaveBeenRead } from '../../../src/net/http-failures.js';
import { file, literal } from '../../../src/secrets/references.js';
import { createSimulatedClock, type SimulatedClock } from '../../../src/testing/simulated-clock.js';
import { createAuthority } from '../../support/certificates.js';
import { failureOf } from '../../support/http-context.js';
import { closedPort, serve, type ScriptedAnswer } from '../../support/http-server.js';
import { turn } from '../../support/turn.js';

const folder = mkdtempSync(join(tmpdir(), 'tokenvisor-door-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** A certificate, and the authority that it is by; that one also as a file. */
const certified = (name: string): { cert: string; key: string; ca: string; caFile: string } => {
  const authority = createAuthority(name);
  const caFile = join(folder, `${name}.crt`);
  writeFileSync(caFile, authority.cert);
  return { ...authority.issue(), ca: authority.cert, caFile };
};

const bookOf = (hosts: Record<string, readonly Address[]> = {}): AddressBook => {
  const entries = Object.entries(hosts).map(([host, addresses]) => [host, { addresses, atMs: Date.now() }]);
  return new AddressBook({
    clock: systemClock,
    state: Object.fromEntries(entries),
    sources: {
      lookup: () => Promise.reject(new Error('none')),
      query: () => Promise.reject(new Error('none')),
      hostsFile: () => '',
    },
  });
};

const door = createHttpClient({ clock: systemClock, addresses: bookOf() });

/** A server below HTTP. */
const serveTcp = async (onSocket: (socket: Socket) => void): Promise<{ port: number; close: () => void }> => {
  const server = createTcpServer((socket) => {
    socket.on('error', () => {});
    onSocket(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { port: (server.address() as AddressInfo).port, close: () => server.close() };
};

describe('a request', () => {
  it('carries method, headers and body, asks for no compression, and keeps no connection', async () => {
    await using server = await serve({ status: 201, headers: { 'x-a': '1', 'set-cookie': 'a' }, body: '{"ä":1}' });
    const answer = await door(`${server.origin}/t?q=1`, {
      method: 'POST',
      headers: { Authorization: 'x', 'Accept-Encoding': 'gzip', 'content-type': 'application/x-www-form-urlencoded' },
      body: 'a=ä',
    });
    expect(answer).toMatchObject({ status: 201, body: '{"ä":1}', headers: { 'x-a': '1', 'set-cookie': 'a' } });
    expect(answer.json()).toEqual({ ä: 1 });
    const [seen] = server.seen;
    expect(seen).toMatchObject({ method: 'POST', path: '/t?q=1' });
    expect(seen!.form.get('a')).toBe('ä');
    expect(seen!.headers).toMatchObject({
      authorization: 'x',
      'accept-encoding': 'identity',
      'content-length': '4',
      connection: 'close',
    });
  });

  it('regression: a request that was signed as a whole was refused for the members that are not looked at', async () => {
    await using server = await serve({ status: 200, body: '{}' });
    const signed = { url: server.origin, method: 'POST', headers: { a: 'b' }, body: 'c', signal: undefined };
    expect((await door(signed.url, signed)).status).toBe(200);
    expect(server.seen[0]).toMatchObject({ method: 'POST' });
  });

  it('follows no redirect', async () => {
    await using server = await serve({ status: 302, headers: { location: '/elsewhere' } });
    expect((await door(server.origin)).status).toBe(302);
    expect(server.seen).toHaveLength(1);
  });

  it('tries the next address if the first refuses', async () => {
    await using server = await serve({ body: 'here' });
    const addresses = bookOf({
      'a.example': [
        { address: '127.0.0.9', family: 4 },
        { address: '::1', family: 6 },
        { address: '127.0.0.1', family: 4 },
      ],
    });
    const answer = await createHttpClient({ clock: systemClock, addresses })(`http://a.example:${server.port}/`, {
      allowInsecureHttp: true,
    });
    expect(answer.body).toBe('here');
    expect(server.seen[0]!.headers.host).toBe(`a.example:${server.port}`);
  });

  it('takes a body up to the cap and no further', async () => {
    await using server = await serve([
      { body: 'x'.repeat(MAX_BODY_BYTES) },
      { body: 'x'.repeat(MAX_BODY_BYTES + 1) },
      { headers: { 'transfer-encoding': 'chunked' }, body: 'x'.repeat(MAX_BODY_BYTES + 1) },
    ]);
    expect((await door(server.origin)).body).toHaveLength(MAX_BODY_BYTES);
    for (const kind of ['by its length', 'chunked']) {
      const failure = await failureOf(() => door(server.origin));
      expect(failure, kind).toMatchObject({ class: 'transient', reason: 'malformed_answer', status: 200 });
    }
  });

  it('takes a body that ends with the connection', async () => {
    const server = await serveTcp((socket) =>
      socket.once('data', () => socket.end(`HTTP/1.1 200 OK\r\n\r\n${'x'.repeat(200_000)}`)),
    );
    expect((await door(`http://127.0.0.1:${server.port}`)).body).toHaveLength(200_000);
    server.close();
  });

  it.each([
    ['more after the end, which is no part of it', 'Connection: close\r\nContent-Length: 2\r\n\r\n{}canary'],
    ['a byte order mark, which is dropped', 'Content-Length: 5\r\n\r\n\xef\xbb\xbf{}'],
  ])('takes a body with %s', async (_what, rest) => {
    const server = await serveTcp((socket) =>
      socket.once('data', () => socket.end(Buffer.from(`HTTP/1.1 200 OK\r\n${rest}`, 'latin1'))),
    );
    expect((await door(`http://127.0.0.1:${server.port}`)).body).toBe('{}');
    server.close();
  });

  it('tells the status of a refusal that breaks off, in whatever way', async () => {
    const bodies = ['Content-Length: 9\r\n\r\nx', 'Transfer-Encoding: chunked\r\n\r\nzz\r\n'];
    for (const body of bodies) {
      const server = await serveTcp((socket) =>
        socket.once('data', () => socket.end(`HTTP/1.1 503 Busy\r\nRetry-After: 4\r\n${body}`)),
      );
      const failure = await failureOf(() => door(`http://127.0.0.1:${server.port}`));
      expect(failure).toMatchObject({ class: 'transient', status: 503, retryAfterMs: 4_000 });
      server.close();
    }
  });

  it('does not show the body of an answer when that is printed', async () => {
    await using server = await serve({ body: 'canary' });
    const answer = await door(server.origin);
    expect(inspect(answer, { showHidden: true, depth: null }) + JSON.stringify(answer)).not.toContain('canary');
  });
});

describe('failures of a server', () => {
  it.each<[string, ScriptedAnswer | readonly ScriptedAnswer[], object]>([
    ['a cut connection', { fault: 'cut' }, { reason: 'connection_lost' }],
    ['half an answer', { fault: 'half' }, { reason: 'connection_lost' }],
    ['a compressed answer', { headers: { 'content-encoding': 'gzip' }, body: 'x' }, { reason: 'malformed_answer' }],
    [
      'a refusal that can not be read keeps its status',
      { status: 503, headers: { 'content-encoding': 'gzip', 'retry-after': '7' }, body: 'x' },
      { reason: 'malformed_answer', status: 503, retryAfterMs: 7_000 },
    ],
  ])('%s', async (_name, script, expected) => {
    await using server = await serve(script);
    const failure = await failureOf(() => door(server.origin));
    expect(failure).toMatchObject({ class: 'transient', ...expected });
    expect(mayHaveBeenRead(failure)).toBe(true);
  });

  it('an answer that is not HTTP', async () => {
    const server = await serveTcp((socket) => socket.end('SSH-2.0-canary\r\n\r\n'));
    const failure = await failureOf(() => door(`http://127.0.0.1:${server.port}`));
    expect(failure).toMatchObject({ class: 'transient', reason: 'malformed_answer' });
    expect(failure.message).not.toContain('canary');
    server.close();
  });

  it('an answer that is not JSON', async () => {
    await using server = await serve({ body: 'canary' });
    const answer = await door(server.origin);
    expect(() => answer.json()).toThrow(expect.objectContaining({ class: 'transient', reason: 'malformed_answer' }));
    expect(() => answer.json()).not.toThrow('canary');
  });
});

describe('failures before anything is sent', () => {
  it('a closed port', async () => {
    const failure = await failureOf(async () => door(`http://127.0.0.1:${await closedPort()}`));
    expect(failure).toMatchObject({ class: 'transient', reason: 'connect_failed' });
    expect(failure.message).toContain('ECONNREFUSED');
    expect(mayHaveBeenRead(failure)).toBe(false);
  });

  it('a host that nobody knows', async () => {
    const failure = await failureOf(() => door('https://nowhere.example'));
    expect(failure).toMatchObject({ class: 'transient', reason: 'connect_failed' });
    expect(mayHaveBeenRead(failure)).toBe(false);
  });

  it('a server that hangs up in the TLS handshake', async () => {
    const server = await serveTcp((socket) => socket.once('data', () => socket.destroy()));
    const failure = await failureOf(() => door(`https://127.0.0.1:${server.port}`));
    expect(failure).toMatchObject({ class: 'transient', reason: 'connect_failed' });
    server.close();
  });

  it('an attempt that is not wanted any more', async () => {
    const failure = await failureOf(() => door('http://127.0.0.1:1', {}, AbortSignal.abort()));
    expect(failure).toMatchObject({ class: 'transient', reason: 'connect_failed' });
  });

  it.each<[string, string, object, object]>([
    ['no URL', 'nonsense', {}, { class: 'fatal', reason: 'connect_failed' }],
    ['another scheme', 'ftp://a.example', {}, { class: 'fatal', reason: 'tls_failed' }],
    ['http to elsewhere', 'http://a.example', {}, { class: 'fatal', reason: 'tls_failed' }],
    ['a lookalike', 'http://127.0.0.1.a.example', {}, { class: 'fatal', reason: 'tls_failed' }],
    ['credentials in the URL', 'https://u:canary@a.example', {}, { class: 'fatal', reason: 'connect_failed' }],
    [
      'a header that is none',
      'http://127.0.0.1:1',
      { headers: { a: 'canary\n' } },
      { class: 'fatal', reason: 'connect_failed' },
    ],
    ['a method that is none', 'http://127.0.0.1:1', { method: 'NO WAY' }, { class: 'fatal', reason: 'connect_failed' }],
    [
      'a file that is not there',
      'https://127.0.0.1:1',
      { tls: { ca: file('/none') } },
      { reason: 'secret_unreadable' },
    ],
    ['a key that is none', 'https://127.0.0.1:1', { tls: { key: literal('canary') } }, { reason: 'tls_failed' }],
  ])('bad input: %s', async (_name, url, init, expected) => {
    const failure = await failureOf(() => door(url, init));
    expect(failure).toMatchObject(expected);
    expect(inspect(failure, { depth: null })).not.toContain('canary');
  });
});

describe('time', () => {
  /** A request that has arrived at a server that says nothing. */
  const unanswered = async (
    act: (ask: Promise<unknown>, clock: SimulatedClock) => Promise<void>,
    signal?: AbortSignal,
  ) => {
    await using server = await serve({ fault: 'silence' });
    const clock = createSimulatedClock({ wallMs: Date.now() });
    const answer = createHttpClient({ clock, addresses: bookOf() })(server.origin, {}, signal);
    answer.catch(() => {});
    while (server.seen.length === 0) await turn();
    await act(answer, clock);
    expect(clock.pending()).toBe(0);
  };

  it('is bounded by 10 s in all', () =>
    unanswered(async (answer, clock) => {
      let settled = false;
      const failing = failureOf(() => answer).finally(() => (settled = true));
      clock.advance(9_999);
      await turn();
      expect(settled).toBe(false);
      clock.advance(1);
      const failure = await failing;
      expect(failure).toMatchObject({ class: 'transient', reason: 'timed_out' });
      expect(mayHaveBeenRead(failure)).toBe(true);
    }));

  it('ends when the caller aborts', async () => {
    const controller = new AbortController();
    await unanswered(async (answer) => {
      controller.abort();
      expect(await failureOf(() => answer)).toMatchObject({ reason: 'timed_out' });
    }, controller.signal);
  });

  it('that runs out before there is a connection is a failed connection', async () => {
    const server = await serveTcp(() => {}); // Accepts, and says nothing to a TLS handshake.
    const failure = await failureOf(() => door(`https://127.0.0.1:${server.port}`, { timeoutMs: 100 }));
    expect(failure).toMatchObject({ class: 'transient', reason: 'connect_failed' });
    server.close();
  });
});

describe('TLS', () => {
  const one = certified('one');
  const other = certified('other');
  const secure = (options: object = {}) =>
    serve(
      { body: 'secret' },
      (listener) => createSecureServer({ cert: one.cert, key: one.key, ...options }, listener),
      'https',
    );

  it('trusts the authorities that it is given, by text or by file', async () => {
    await using server = await secure();
    for (const ca of [one.ca, file(one.caFile), [literal(other.ca), literal(one.ca)]]) {
      expect((await door(server.origin, { tls: { ca } })).body).toBe('secret');
    }
    expect((await door(server.origin.replace('127.0.0.1', 'localhost'), { tls: { ca: one.ca } })).body).toBe('secret');
  });

  it('parks on a certificate that it does not trust, with nothing sent', async () => {
    await using server = await secure();
    const failure = await failureOf(() => door(server.origin, { tls: { ca: other.ca } }));
    expect(failure).toMatchObject({ class: 'fatal', reason: 'tls_failed' });
    expect(mayHaveBeenRead(failure)).toBe(false);
    expect(server.seen).toHaveLength(0);
  });

  it('parks on a certificate for another name', async () => {
    await using server = await secure();
    const addresses = bookOf({ 'a.example': [{ address: '127.0.0.1', family: 4 }] });
    const ask = createHttpClient({ clock: systemClock, addresses });
    const failure = await failureOf(() => ask(`https://a.example:${server.port}`, { tls: { ca: one.ca } }));
    expect(failure).toMatchObject({ class: 'fatal', reason: 'tls_failed' });
  });

  it('parks on a server that does not speak TLS', async () => {
    await using server = await serve({});
    const failure = await failureOf(() => door(server.origin.replace('http:', 'https:')));
    expect(failure).toMatchObject({ class: 'fatal', reason: 'tls_failed' });
  });

  it('shows a certificate of its own, and parks if that is refused', async () => {
    await using server = await secure({ requestCert: true, rejectUnauthorized: true, ca: other.ca });
    const own = { cert: literal(other.cert), key: literal(other.key) };
    expect((await door(server.origin, { tls: { ca: one.ca, ...own } })).body).toBe('secret');
    const failure = await failureOf(() => door(server.origin, { tls: { ca: one.ca } }));
    expect(failure).toMatchObject({ class: 'fatal', reason: 'tls_failed' });
    expect(server.seen).toHaveLength(1);
  });
});
