/** What leaves the machine without TLS: a server elsewhere may ask for the password itself. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { startSupervisor } from 'tokenvisor';
import { revocationLedger } from 'tokenvisor/inbound';
import { postgresStore, type PostgresStoreOptions } from 'tokenvisor/storage';
import { startPostgres, type TestPostgres } from '../../support/postgres.js';
import { startProxy, type TcpProxy } from '../../support/tcp-proxy.js';
import { open } from './contract.js';

/** AuthenticationCleartextPassword. */
const ASKS_FOR_THE_PASSWORD = Buffer.from([0x52, 0, 0, 0, 8, 0, 0, 0, 3]);
/** No loopback by its name, as a name of another machine is none, and the resolver's is 127.0.0.1. */
const ELSEWHERE = '127.1';

const password = `secret-${randomBytes(9).toString('hex')}`;
let server: Server;
let heard = '';
let connections = 0;

beforeAll(async () => {
  server = createServer((socket) => {
    connections += 1;
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      heard += chunk.toString('latin1');
      socket.write(ASKS_FOR_THE_PASSWORD);
    });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
});
afterEach(() => {
  heard = '';
  connections = 0;
});
afterAll(() => server.close());

const port = (): number => (server.address() as AddressInfo).port;
const parts = (more: PostgresStoreOptions = {}): PostgresStoreOptions => ({
  host: ELSEWHERE,
  port: port(),
  user: 'ann',
  password,
  connectTimeoutMs: 400,
  ...more,
});

describe('a server elsewhere that asked for the password in clear got it', () => {
  test.each([
    ['in its host', () => `postgres://ann:${password}@${ELSEWHERE}:${port()}/app`],
    ['as a parameter', () => `postgres://ann:${password}@localhost:${port()}/app?host=${ELSEWHERE}`],
    ['with sslmode=disable', () => `postgres://ann:${password}@${ELSEWHERE}:${port()}/app?sslmode=disable`],
    ['with ssl=0', () => `postgres://ann:${password}@${ELSEWHERE}:${port()}/app?ssl=0`],
  ])('by a connection string that names it %s', async (_, connectionString) => {
    const store = postgresStore({ connectionString: connectionString(), connectTimeoutMs: 400 });
    await expect(open(store)).rejects.toMatchObject({
      code: 'STORE_FAILED',
      message: expect.stringMatching(/^Expected TLS to a Postgres server .*allowInsecure/) as string,
    });
    expect({ connections, heard }).toEqual({ connections: 0, heard: '' });
  });

  test.each(['false', 'no', 'off', 'yes'])(
    'with ssl=%s, which pg took for TLS: the server could end the thread that asked',
    async (ssl) => {
      const connectionString = `postgres://ann:${password}@127.0.0.1:${port()}/app?ssl=${ssl}`;
      const store = postgresStore({ connectionString, allowInsecure: true, connectTimeoutMs: 400 });
      await expect(open(store)).rejects.toMatchObject({
        code: 'STORE_FAILED',
        message: expect.stringMatching(/^Expected `ssl` in the connection string to be /) as string,
      });
      expect({ connections, heard }).toEqual({ connections: 0, heard: '' });
    },
  );

  test.each([{}, { tls: false }])('by its parts, with %j: refused before anything is started', async (more) => {
    const revoked = revocationLedger({ store: postgresStore(parts(more)) });
    await expect(startSupervisor({ revoked })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      problems: [{ path: expect.stringMatching(/store\.options\.tls$/) as string }],
    });
    expect(connections).toBe(0);
  });

  test.each([
    ['parts', () => parts({ tls: true })],
    [
      'a string',
      () => ({ connectionString: `postgres://ann:${password}@${ELSEWHERE}:${port()}/app?sslmode=verify-full` }),
    ],
  ])('by %s with TLS, once it had said that it has none', async (_, options) => {
    await expect(open(postgresStore({ ...options(), connectTimeoutMs: 400 }))).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
    });
    expect(connections).toBeGreaterThan(0);
    expect(heard).not.toContain(password);
    expect(heard).not.toContain('ann');
  });

  test.each([
    ['with allowInsecure: it was asked for', () => parts({ allowInsecure: true })],
    ['on this machine', () => parts({ host: 'localhost' })],
  ])('and gets it %s', async (_, options) => {
    await expect(open(postgresStore(options()))).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect(heard).toContain(password);
  });
});

describe('a real server without TLS', () => {
  let postgres: TestPostgres;
  let proxy: TcpProxy;
  beforeAll(async () => {
    postgres = await startPostgres();
    proxy = await startProxy(postgres.port, postgres.host);
  });
  afterAll(async () => {
    await proxy.close();
    await postgres.stop();
  });

  test('is used over the loopback, and elsewhere with allowInsecure alone', async () => {
    const { user, database, password: real } = postgres;
    const options = { user, database, password: real, port: proxy.port, schema: postgres.newSchema() };
    const near = await open(postgresStore({ ...options, host: '127.0.0.1' }));
    await near.close();
    const far = await open(postgresStore({ ...options, host: ELSEWHERE, allowInsecure: true }));
    await far.close();
    expect(proxy.connections).toBe(2);
  });
});
