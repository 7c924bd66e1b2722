/**
 * A real Postgres for a test file: one of its own, or the one that TOKENVISOR_TEST_POSTGRES names by a connection string, in
 * which each caller has a schema of its own.
 */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';

export interface TestPostgres {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  /** All of the above. */
  readonly url: string;
  /** The same by way of another port: a proxy's. */
  urlAt(port: number): string;
  /** A schema that nobody else has. */
  newSchema(): string;
  /** A session beside those of the stores. Ended with the rest. */
  session(): Promise<pg.Client>;
  /** Kills the server and starts it again; undefined for one that is not ours. */
  readonly restart: (() => Promise<void>) | undefined;
  stop(): Promise<void>;
}

const KEEPER = fileURLToPath(new URL('./postgres-keeper.mjs', import.meta.url));

type Server = Pick<TestPostgres, 'url' | 'restart'> & { readonly end: () => Promise<void> };

/** For a moment it answers, and takes none yet. */
const untilItTakesSessions = async (connectionString: string): Promise<void> => {
  for (let tries = 0; ; tries++) {
    const client = new pg.Client({ connectionString });
    try {
      await client.connect();
      return await client.end();
    } catch (error) {
      if (tries === 200 || (error as { code?: string }).code !== '57P03') throw error;
      await sleep(20);
    }
  }
};

const startServer = async (): Promise<Server> => {
  const password = `secret-${randomBytes(12).toString('hex')}`;
  const keeper = spawn(process.execPath, [KEEPER, password], { stdio: ['pipe', 'pipe', 'pipe'] });
  let said = '';
  keeper.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const exit = once(keeper, 'exit');
  const lines = createInterface(keeper.stdout)[Symbol.asyncIterator]();
  const line = async (): Promise<string> => {
    const { value } = (await lines.next()) as { value: string | undefined };
    if (value === undefined) throw new Error(`The Postgres of the tests ended: ${said}`);
    return value;
  };
  const { port } = JSON.parse(await line()) as { port: number };
  const url = `postgres://tester:${password}@127.0.0.1:${port}/postgres`;
  await untilItTakesSessions(url);
  return {
    url,
    restart: async () => {
      keeper.kill('SIGUSR2');
      await line();
      await untilItTakesSessions(url);
    },
    end: async () => {
      keeper.stdin.end();
      await exit;
    },
  };
};

export const startPostgres = async (): Promise<TestPostgres> => {
  const given = process.env['TOKENVISOR_TEST_POSTGRES'];
  const server = given ? { url: given, restart: undefined, end: () => Promise.resolve() } : await startServer();
  const url = new URL(server.url);
  const sessions: pg.Client[] = [];
  const schemas: string[] = [];
  const session = async (): Promise<pg.Client> => {
    const client = new pg.Client({ connectionString: server.url });
    client.on('error', () => undefined); // The server is killed under it.
    await client.connect();
    sessions.push(client);
    return client;
  };
  return {
    host: url.hostname,
    port: Number(url.port || 5_432),
    user: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
    database: url.pathname.slice(1),
    url: server.url,
    urlAt: (port) => Object.assign(new URL(server.url), { port: String(port), hostname: '127.0.0.1' }).href,
    newSchema: () => {
      const schema = `test_${randomBytes(6).toString('hex')}`;
      schemas.push(schema);
      return schema;
    },
    session,
    restart: server.restart,
    stop: async () => {
      if (given) for (const schema of schemas) await (await session()).query(`DROP SCHEMA IF EXISTS ${schema} CASCADE`);
      await Promise.all(sessions.map((client) => client.end().catch(() => undefined)));
      await server.end();
    },
  };
};
