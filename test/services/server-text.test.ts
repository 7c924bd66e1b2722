/** What a server says is shown to who reads logs: it may be a secret in pieces, or orders to a terminal. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { inspect } from 'node:util';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { credential, logEvents } from 'tokenvisor';
import { revocationLedger } from 'tokenvisor/inbound';
import { clientCredentials } from 'tokenvisor/providers';
import { postgresStore, type Store } from 'tokenvisor/storage';
import { startPostgres, type TestPostgres } from '../support/postgres.js';
import { afterTest, cleanUp, supervise } from '../support/supervised.js';
import { open } from './store-contract/contract.js';

afterEach(cleanUp);

const listen = async (server: Server): Promise<number> => {
  await once(server.listen(0, '127.0.0.1'), 'listening');
  afterTest(() => server.close());
  return (server.address() as AddressInfo).port;
};

/** Such are the longest that are not taken for a token by their look. */
const PIECE = 19;

test('a secret that was sent back in pieces of 19 characters, as `error`, was in events', async () => {
  const secret = randomBytes(19).toString('hex');
  const pieces = [secret.slice(0, PIECE), secret.slice(PIECE)];
  let asked = 0;
  const server = createHttpServer((request, response) => {
    request.resume().on('end', () => {
      // Busy, so that it is asked again: the next piece.
      response.writeHead(asked < 2 ? 429 : 400, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ error: pieces[asked++ % 2] }));
    });
  });
  const port = await listen(server);
  const { supervisor, heard, children } = await supervise({
    upstream: credential({
      provider: clientCredentials({
        tokenEndpoint: `http://127.0.0.1:${port}/token`,
        clientId: 'reports',
        clientSecret: secret,
      }),
    }),
  });
  const lines: string[] = [];
  logEvents(supervisor, (line) => lines.push(line));
  await heard.next('child:parked');
  const failed = await children.upstream.get().catch((error: unknown) => error);
  const told = inspect([heard.all, lines, failed, children.upstream.status()], { depth: Infinity }) + lines.join('\n');
  expect(asked).toBe(3);
  expect(told).toContain('refused: an unknown code of 19 characters (status 400)');
  expect(pieces.filter((piece) => told.includes(piece))).toEqual([]);
});

test('a code that is registered is shown', async () => {
  const server = createHttpServer((_, response) => {
    response.writeHead(400, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ error: 'invalid_target' }));
  });
  const port = await listen(server);
  const { heard } = await supervise({
    upstream: credential({
      provider: clientCredentials({
        tokenEndpoint: `http://127.0.0.1:${port}/token`,
        clientId: 'reports',
        clientSecret: 'any',
      }),
    }),
  });
  expect((await heard.next('mint:failed')).failure).toMatchObject({
    class: 'fatal',
    reason: 'oauth_error',
    oauthError: 'invalid_target',
  });
});

/** Clears a terminal, writes its title, and begins another line. */
const ORDERS = '\u001b[2J\u001b]0;owned\u0007\r\n2026-01-01 all is well\u2028\u202e';

/** A Postgres that refuses a session with these fields, or with such a message of SASL. */
const startRefusing = async (answer: Buffer): Promise<number> => {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    let isFirst = true;
    socket.on('data', () => {
      if (isFirst) socket.write(answer);
      isFirst = false;
    });
  });
  return listen(server);
};
const message = (type: string, ...body: readonly (string | Buffer)[]): Buffer => {
  const contents = Buffer.concat(body.map((part) => Buffer.from(part as string)));
  const head = Buffer.alloc(5);
  head.write(type);
  head.writeInt32BE(contents.length + 4, 1);
  return Buffer.concat([head, contents]);
};
const refusal = (...fields: readonly string[]): Buffer => message('E', ...fields.map((field) => `${field}\0`), '\0');

const REFUSALS: readonly (readonly [string, Buffer, string])[] = [
  ['an error with a SQLSTATE', refusal('SFATAL', 'VFATAL', 'C28P01', `Mlisten: ${ORDERS}`, `D${ORDERS}`), '28P01'],
  ['an error with another code', refusal('SFATAL', 'VFATAL', `C${ORDERS}`, `Mlisten: ${ORDERS}`), 'the driver failed'],
  ['an unknown message', message('\u001b', 'listen'), 'the driver failed'],
  ['an unknown kind of proof', message('R', Buffer.from([0, 0, 0, 10]), `listen: ${ORDERS}\0\0`), 'the driver failed'],
];

test.each(REFUSALS)('what a Postgres said before the session reached events and logs: %s', async (_, answer, shown) => {
  const port = await startRefusing(answer);
  const store = postgresStore({ host: '127.0.0.1', port, user: 'ann', password: 'any', connectTimeoutMs: 1_000 });
  const { supervisor, heard } = await supervise({ revoked: revocationLedger({ maxEntries: 100, store }) });
  const lines: string[] = [];
  logEvents(supervisor, (line) => lines.push(line));
  const { error } = await heard.next('ledger:store-failed');
  const told = [error.message, inspect(error), ...lines].join('');
  expect(told).toContain(shown);
  expect(told).not.toMatch(/listen|owned|all is well/);
  // eslint-disable-next-line no-control-regex -- That is what it is about.
  expect(error.message).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202e]/);
});

let postgres: TestPostgres;
beforeAll(async () => {
  postgres = await startPostgres();
});
afterAll(() => postgres.stop());

test('what a real Postgres says in the session is told in one line, without control characters', async () => {
  const schema = postgres.newSchema();
  const store: Store = await open(postgresStore({ connectionString: postgres.url, schema }));
  const session = await postgres.session();
  await session.query(`
    CREATE FUNCTION ${schema}.orders() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      RAISE EXCEPTION 'no: %', convert_from('\\x1b5b324a0d0a616c6c2069732077656c6c', 'UTF8');
    END $$;
    CREATE TRIGGER orders BEFORE INSERT ON ${schema}.ledger_records EXECUTE FUNCTION ${schema}.orders()`);
  const write = { key: 'a', replaces: 0, state: 1, expiresAtMs: 1, data: null };
  const failed = (await store.write([write]).catch((error: unknown) => error)) as Error;
  await store.close();
  expect(failed.message).toContain('no:  [2J all is well');
  expect((failed.cause as Error).message).toBe('no:  [2J all is well');
});
