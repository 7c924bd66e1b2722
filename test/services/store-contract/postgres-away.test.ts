/** Postgres away, silent, late, shared, or not as it should be. */
import { inspect } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import {
  memoryStore,
  postgresMigrations,
  postgresSchema,
  postgresStore,
  type PostgresStoreOptions,
  type Store,
} from 'tokenvisor/storage';
import { literal } from 'tokenvisor/providers';
import { tableNames } from '../../../dist/storage/postgres/migrations.js';
import { statements } from '../../../dist/storage/postgres/postgres-statements.js';
import { startPostgres, type TestPostgres } from '../../support/postgres.js';
import { startProxy, type TcpProxy } from '../../support/tcp-proxy.js';
import { fillPool } from '../../support/full-pool.js';
import { all, aWrite, entriesOf, open } from './contract.js';
import { eventually } from '../../support/eventually.js';
import { cleanUp } from '../../support/supervised.js';

let postgres: TestPostgres;
let proxy: TcpProxy;
const stores: Store[] = [];
beforeAll(async () => {
  postgres = await startPostgres();
  proxy = await startProxy(postgres.port, postgres.host);
});
afterEach(async () => {
  await cleanUp();
  await proxy.set('pass');
  await Promise.all(stores.splice(0).map((store) => store.close()));
});
afterAll(async () => {
  await proxy.close();
  await postgres.stop();
});

const started = async (options: PostgresStoreOptions, changed?: () => void): Promise<Store> => {
  const store = await open(postgresStore(options), changed);
  stores.push(store);
  return store;
};

const SHORT = { statementTimeoutMs: 300, connectTimeoutMs: 1_000 };
const viaProxy = (schema = postgres.newSchema(), more: PostgresStoreOptions = {}): PostgresStoreOptions => ({
  connectionString: postgres.urlAt(proxy.port),
  schema,
  ...SHORT,
  ...more,
});
const direct = (schema: string): PostgresStoreOptions => ({ connectionString: postgres.url, schema });

/** What it rejects with, and after how long. */
const failure = async (work: Promise<unknown>): Promise<{ error: Error & { code?: string }; ms: number }> => {
  const from = performance.now();
  const error = await work.then(
    () => new Error('it was carried out'),
    (thrown: unknown) => thrown as Error,
  );
  return { error, ms: performance.now() - from };
};

const untilItWorks = async (store: Store, key: string): Promise<void> => {
  await eventually('a write', async () =>
    store.write([aWrite(key)]).then(
      ([result]) => result?.written === true,
      () => false,
    ),
  );
};

describe('away', () => {
  test.each(['cut', 'refuse', 'swallow'] as const)(
    '%s: writes are refused within their bound, and go on after it',
    async (mode) => {
      const schema = postgres.newSchema();
      const store = await started(viaProxy(schema));
      await store.write([aWrite('before')]);
      await proxy.set(mode);
      const writes = [store.write([aWrite('a')]), store.write([aWrite('b')]), store.get(['before'])];
      for (const { error, ms } of await Promise.all(writes.map(failure))) {
        expect(error).toMatchObject({ code: 'STORE_UNAVAILABLE', cause: expect.any(Error) as Error });
        expect(ms).toBeLessThan(300 + 1_000 + 500);
      }
      const connections = proxy.connections;
      const { error, ms } = await failure(store.write([aWrite('c')]));
      expect(error).toMatchObject({ code: 'STORE_UNAVAILABLE' });
      expect(ms).toBeLessThan(1_000 + 500);
      // What says nothing is not asked again: this was another connection.
      if (mode === 'swallow') expect(proxy.connections).toBeGreaterThan(connections);
      await proxy.set('pass');
      await untilItWorks(store, 'after');
      const there = await started(direct(schema));
      expect([...(await entriesOf(there)).keys()].sort()).toEqual(['after', 'before']);
    },
  );

  test('the server is killed and comes back', async () => {
    if (!postgres.restart) return; // It is not ours.
    let told = 0;
    const store = await started({ connectionString: postgres.url, schema: postgres.newSchema() }, () => told++);
    await store.write([aWrite('before')]);
    const { cursor } = await store.entries();
    await postgres.restart();
    await eventually('the loss of the connection', () => told > 0);
    await untilItWorks(store, 'after');
    // Transactions may be counted otherwise by now: all is to be read again, page by page.
    expect(await store.changes(cursor)).toBeUndefined();
    expect([...(await entriesOf(store)).keys()].sort()).toEqual(['after', 'before']);
  });

  test('a connection that is never made is given up, and no secret is told', async () => {
    await proxy.set('swallow');
    const { error, ms } = await failure(started(viaProxy()));
    expect(error).toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect(ms).toBeGreaterThan(900);
    expect(ms).toBeLessThan(1_500);
    const wrong = { user: 'tester', host: postgres.host, port: postgres.port, password: 'wrong-and-secret' };
    const refused = await failure(started({ ...wrong, database: 'postgres', schema: postgres.newSchema() }));
    expect(refused.error).toMatchObject({ code: 'STORE_FAILED', cause: { code: '28P01' } });
    const unusable = await failure(started({ connectionString: 'postgres://u:pass-and-secret@[/db' }));
    expect(unusable.error).toMatchObject({ code: 'STORE_UNAVAILABLE' });
    for (const { error: told } of [refused, unusable]) {
      expect(inspect(told, { depth: 9, showHidden: true })).not.toContain('and-secret');
    }
  });

  test('a statement that waits for another is ended by the server, and the connection is kept', async () => {
    const schema = postgres.newSchema();
    const store = await started(viaProxy(schema));
    await store.write([aWrite('a')]);
    const session = await postgres.session();
    await session.query(`BEGIN; UPDATE ${schema}.ledger_records SET state = 3`);
    const before = proxy.connections;
    const { error, ms } = await failure(store.write([aWrite('a', { replaces: 1, state: 2 })]));
    expect(error).toMatchObject({ code: 'STORE_UNAVAILABLE', cause: { code: '57014' } });
    expect(ms).toBeLessThan(1_000);
    await session.query('ROLLBACK');
    expect(await store.write([aWrite('a', { replaces: 1, state: 2 })])).toEqual([{ written: true, version: 2 }]);
    expect(proxy.connections).toBe(before);
  });
});

test('the bound counts from the call, also for what waits for its turn', async () => {
  const schema = postgres.newSchema();
  const store = await started(viaProxy(schema));
  await store.write([aWrite('a')]);
  const session = await postgres.session();
  await session.query(`BEGIN; UPDATE ${schema}.ledger_records SET state = 3`);
  const connections = proxy.connections;
  const writes = Array.from({ length: 8 }, (_, state) => store.write([aWrite('a', { replaces: 1, state })]));
  for (const { error, ms } of await Promise.all(writes.map(failure))) {
    expect(error).toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect(ms).toBeLessThan(300 + 1_000 + 500);
  }
  await session.query('ROLLBACK');
  expect(await store.get(['b'])).toEqual([undefined]);
  // It is the row that is not to be had, not the server.
  expect(proxy.connections).toBe(connections);
});

describe('nothing is acknowledged before it is committed', () => {
  test('the answer of the commit is waited for', async () => {
    const schema = postgres.newSchema();
    const store = await started(viaProxy(schema, { statementTimeoutMs: 10_000 }));
    await proxy.set({ hold: 'answers' });
    let isAcknowledged = false;
    const write = store.write([aWrite('a')]).then((results) => {
      isAcknowledged = true;
      return results;
    });
    // What is held is the end of the statement, and so of its transaction.
    expect((await proxy.held()).toString('latin1')).toContain('SELECT 1');
    const there = await started(direct(schema));
    await eventually('the commit', async () => (await there.get(['a']))[0] !== undefined);
    expect(isAcknowledged).toBe(false);
    await proxy.set('pass');
    expect(await write).toEqual([{ written: true, version: 1 }]);
  });

  test('a transaction that is held back on the server is not acknowledged', async () => {
    const schema = postgres.newSchema();
    const store = await started({ ...direct(schema) });
    const session = await postgres.session();
    // A trigger that is run by the commit itself, and that waits for us there.
    await session.query(`
      CREATE FUNCTION ${schema}.wait() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN PERFORM pg_advisory_xact_lock(4711); RETURN NULL; END $$;
      CREATE CONSTRAINT TRIGGER late AFTER INSERT ON ${schema}.ledger_records DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION ${schema}.wait();
      SELECT pg_advisory_lock(4711)`);
    let isAcknowledged = false;
    const write = store.write([aWrite('a')]).then(() => (isAcknowledged = true));
    await eventually('a commit that waits', async () => {
      const { rows } = await session.query<{ count: string }>(
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted",
      );
      return rows[0]?.count === '1';
    });
    expect(isAcknowledged).toBe(false);
    const { rows } = await session.query(`SELECT FROM ${schema}.ledger_records`);
    expect(rows).toHaveLength(0);
    await session.query('SELECT pg_advisory_unlock(4711)');
    await write;
  });

  test('also for a role that says otherwise', async () => {
    const session = await postgres.session();
    const url = new URL(postgres.url);
    url.searchParams.set('options', '-c synchronous_commit=off');
    const schema = postgres.newSchema();
    await started({ connectionString: url.href, schema });
    await session.query(`
      CREATE TABLE ${schema}.seen (setting text);
      CREATE FUNCTION ${schema}.look() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO ${schema}.seen VALUES (current_setting('synchronous_commit')); RETURN NULL; END $$;
      CREATE TRIGGER look AFTER INSERT ON ${schema}.ledger_records EXECUTE FUNCTION ${schema}.look()`);
    await stores.at(-1)!.write([aWrite('a')]);
    expect((await session.query(`SELECT * FROM ${schema}.seen`)).rows).toEqual([{ setting: 'on' }]);
  });
});

describe('others write as well', () => {
  test('a record that was expunged, and made anew by another process, is not taken for what it was', async () => {
    const schema = postgres.newSchema();
    const [one, other] = [await started(direct(schema)), await started(direct(schema))];
    await one.write([aWrite('a', { expiresAtMs: 5 })]);
    const [seen] = await one.expired(10, 1);
    expect(await other.remove([seen!])).toBe(1);
    expect(await other.write([aWrite('a', { state: 3, expiresAtMs: Infinity })])).toMatchObject([{ written: true }]);
    const replaced = { replaces: seen!.version, replacesExpiresAtMs: seen!.expiresAtMs };
    expect(await one.write([aWrite('a', replaced)])).toMatchObject([{ written: false, found: { state: 3 } }]);
    expect(await one.remove([seen!])).toBe(0);
    const now = { replaces: 1, replacesExpiresAtMs: Infinity };
    expect(await one.write([aWrite('a', now)])).toMatchObject([{ written: true }]);
  });

  test('of two processes that replace a version, one wins', async () => {
    const schema = postgres.newSchema();
    const both = [await started(direct(schema)), await started(direct(schema))];
    for (let replaces = 0; replaces < 20; replaces++) {
      const results = (await Promise.all(both.map((store) => store.write([aWrite('a', { replaces })])))).flat();
      expect(results.filter(({ written }) => written)).toHaveLength(1);
    }
  });

  test('two that write the same keys in opposite orders both come to an end', async () => {
    const schema = postgres.newSchema();
    const [one, two] = [await started(direct(schema)), await started(direct(schema))];
    const keys = Array.from({ length: 300 }, (_, at) => `key-${at}`);
    for (let replaces = 0; replaces < 6; replaces++) {
      const writes = keys.map((key) => aWrite(key, { replaces }));
      const results = await Promise.all([one.write(writes), two.write([...writes].reverse())]);
      expect(results.flat().filter(({ written }) => written)).toHaveLength(300);
    }
  });

  test('a statement that had to give way to another is run again', async () => {
    const schema = postgres.newSchema();
    // Whoever looks for a deadlock while it is there gives way: the store, since the other never looks.
    const url = new URL(postgres.url);
    url.searchParams.set('options', '-c deadlock_timeout=3s');
    const store = await started({ connectionString: url.href, schema });
    await store.write([aWrite('a'), aWrite('b')]);
    const session = await postgres.session();
    await session.query("SET deadlock_timeout = '10min'");
    const change = (key: string): string =>
      `UPDATE ${schema}.ledger_records SET state = 9 WHERE id = convert_to('${key}', 'UTF8')`;
    await session.query(`BEGIN; ${change('b')}`);
    const write = store.write([aWrite('a', { replaces: 1 }), aWrite('b', { replaces: 1 })]);
    const watch = await postgres.session();
    await eventually('the wait for the other', async () => {
      const { rows } = await watch.query("SELECT FROM pg_locks WHERE locktype = 'transactionid' AND NOT granted");
      return rows.length === 1;
    });
    await session.query(`${change('a')}; COMMIT`);
    expect((await write).map(({ written }) => written)).toEqual([true, true]);
    expect((await store.get(['a', 'b'])).map((record) => record?.version)).toEqual([2, 2]);
  });

  test('what commits late, and out of order, is in the changes: once it is there, and then', async () => {
    const schema = postgres.newSchema();
    const store = await started(direct(schema));
    await store.write([aWrite('x'), aWrite('y'), aWrite('z')]);
    const [early, late] = [await postgres.session(), await postgres.session()];
    const change = (
      key: string,
    ): string => `UPDATE ${schema}.ledger_records SET state = state + 1, version = version + 1,
      changed_by = pg_current_xact_id() WHERE id = convert_to('${key}', 'UTF8')`;
    let { cursor } = await store.entries();
    const told = async (): Promise<string[]> => {
      const changes = (await store.changes(cursor))!;
      cursor = changes.cursor;
      return changes.entries.map(({ key }) => key);
    };
    await early.query(`BEGIN; ${change('x')}`); // Begins first …
    await late.query(`BEGIN; ${change('y')}`);
    await store.write([aWrite('a')]);
    expect(await told()).toEqual(['a']);
    await late.query('COMMIT');
    await store.write([aWrite('b')]);
    expect((await told()).sort()).toEqual(['b', 'y']);
    expect(await told()).toEqual([]);
    await early.query('COMMIT'); // … and ends last, behind two looks.
    expect(await told()).toEqual(['x']);
    expect(await told()).toEqual([]);
    const again = await started(direct(schema));
    expect((await entriesOf(again)).get('x')?.state).toBe(2);
  });

  test('more changes than one answer is to have are no answer, nor is a cursor of another server', async () => {
    const schema = postgres.newSchema();
    const store = await started(direct(schema));
    await store.write(['x', 'y', 'z'].map((key) => aWrite(key)));
    const session = await postgres.session();
    const { changes } = statements(tableNames({ schema }));
    const { rows } = await session.query<{ started: string }>(
      'SELECT extract(epoch FROM pg_postmaster_start_time())::text AS started',
    );
    const told = async (startedAt: unknown, most: number): Promise<unknown> =>
      (await session.query<{ are_all: boolean; packed: Buffer | null }>(changes, [startedAt, '1:1:', most])).rows[0];
    expect(await told(rows[0]?.started, 3)).toMatchObject({ are_all: true, packed: expect.any(Buffer) as Buffer });
    expect(await told(rows[0]?.started, 2)).toMatchObject({ are_all: false, packed: null });
    expect(await told('1700000000.5', 3)).toMatchObject({ are_all: false, packed: null });
  });

  test('another is told of a change soon, and nobody of their own', async () => {
    const schema = postgres.newSchema();
    const told = [0, 0];
    const one = await started(direct(schema), () => told[0]!++);
    await started(direct(schema), () => told[1]!++);
    await one.write([aWrite('a')]);
    await eventually('the word', () => told[1] === 1);
    expect(told[0]).toBe(0);
  });
});

describe('the tables', () => {
  test('many that open at once make them once', async () => {
    const schema = postgres.newSchema();
    await Promise.all(Array.from({ length: 6 }, () => started(direct(schema))));
    const { rows } = await (await postgres.session()).query(`SELECT version FROM ${schema}.ledger_migrations`);
    expect(rows).toEqual(postgresMigrations().map(({ version }) => ({ version })));
  });

  test('somebody else makes them, for a role that may not', async () => {
    const schema = postgres.newSchema();
    const names = { schema, tablePrefix: 'revoked_' };
    const session = await postgres.session();
    const role = `${schema}_app`;
    const url = Object.assign(new URL(postgres.url), { username: role, password: 'only-for-this' });
    const options: PostgresStoreOptions = { connectionString: url.href, ...names, migrate: false };
    await session.query(`CREATE ROLE ${role} LOGIN PASSWORD 'only-for-this'`);
    const { error } = await failure(started(options));
    expect(error).toMatchObject({
      code: 'STORE_FAILED',
      message: expect.stringContaining('postgresSchema({') as string,
    });
    expect((await failure(started({ ...options, migrate: true }))).error).toMatchObject({
      code: 'STORE_FAILED',
      message: expect.stringMatching(/42501.+postgresSchema\(\{.+set `migrate: false`$/) as string,
    });
    await session.query(postgresSchema(names));
    await session.query(`GRANT USAGE ON SCHEMA ${schema} TO ${role};
      GRANT SELECT ON ALL TABLES IN SCHEMA ${schema} TO ${role};
      GRANT INSERT, UPDATE, DELETE ON ${schema}.revoked_records TO ${role}`);
    const store = await started(options);
    expect(await store.write([aWrite('a')])).toEqual([{ written: true, version: 1 }]);
    expect(await store.remove([{ key: 'a', version: 1 }])).toBe(1);
    await store.close();
    await session.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
  });

  test('those of a newer version are left alone', async () => {
    const schema = postgres.newSchema();
    await started(direct(schema));
    await (await postgres.session()).query(`INSERT INTO ${schema}.ledger_migrations (version) VALUES (999)`);
    const { error } = await failure(started(direct(schema)));
    expect(error).toMatchObject({ code: 'STORE_FAILED', message: expect.stringContaining('got 999') as string });
  });
});

test("with libuv's pool full, a connection that is there goes on", async () => {
  const store = await started(direct(postgres.newSchema()));
  const { canaryWaits } = fillPool();
  expect(await store.write([aWrite('a')])).toEqual([{ written: true, version: 1 }]);
  expect(await all(store.bySubject('nobody'))).toEqual([]);
  expect(canaryWaits()).toBe(true);
});

test('secrets do not print, and options are checked', async () => {
  const spec = postgresStore({ user: 'u', password: 'a-secret', tls: { key: 'a-secret', cert: 'a certificate' } });
  const parts = postgresStore({ connectionString: 'postgres://u:a-secret@h/d' });
  for (const one of [spec, parts]) {
    expect(inspect(one, { depth: 9 }) + JSON.stringify(one)).not.toContain('a-secret');
  }
  const { error } = await failure(
    started({ connectionString: literal('x'), host: 'h', schema: 'a;b', statementTimeoutMs: 1 }),
  );
  expect(error).toMatchObject({ code: 'CONFIG_INVALID' });
  expect((error as unknown as { problems: { path: string }[] }).problems.map(({ path }) => path).sort()).toEqual([
    'store.options',
    'store.options.schema',
    'store.options.statementTimeoutMs',
    // Its host is another machine.
    'store.options.tls',
  ]);
  const wrong = await failure(open({ ...memoryStore(), export: 'nothing' }));
  expect(wrong.error).toMatchObject({ code: 'START_FAILED' });
});
