/** Stores of two million revocations, filled by the stores' own schemas, but not one write at a time. */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { postgresSchema } from 'tokenvisor/storage';
import { LmdbDatabase } from '../../../dist/storage/lmdb/lmdb-database.js';
import { tableNames } from '../../../dist/storage/postgres/migrations.js';
import { uuidOf } from '../table/keys.mjs';

const KEEPER = fileURLToPath(new URL('../../support/postgres-keeper.mjs', import.meta.url));
const REVOKED = 1;
const BATCH = 20_000;

/** When what is stored may be expunged: not while this is measured. */
const expiresAtMs = () => Date.now() + 86_400_000;

/** Uuids in order: B-trees are filled several times as fast, and are read the same. @param {number} index */
const ascending = (index) => `${(index * 1_000).toString(16).padStart(8, '0')}${uuidOf(index).slice(8)}`;

/** @param {number} first @param {number} count */
const writesFrom = (first, count) => {
  const expiryMs = expiresAtMs();
  const data = JSON.stringify({ createdAtMs: 0, updatedAtMs: 0, revokedAtMs: 0, expiresAtMs: expiryMs });
  return Array.from({ length: count }, (_, index) => ({
    ...{ key: `t:${ascending(first + index)}`, state: REVOKED, expiresAtMs: expiryMs, data, replaces: 0 },
  }));
};

/** Fills the directory of an `lmdbStore()`, as the process that owns it would. @param {string} path @param {number} entries */
export const fillLmdb = (path, entries) => {
  const database = new LmdbDatabase(createRequire(import.meta.url)('lmdb'), path);
  for (let first = 0; first < entries; first += BATCH) {
    database.write(writesFrom(first, Math.min(BATCH, entries - first)));
  }
  database.close();
};

/** A server of its own, which ends with this process. */
export const startPostgres = async () => {
  const password = randomBytes(12).toString('hex');
  const keeper = spawn(process.execPath, [KEEPER, password], { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = once(keeper, 'exit');
  const line = await Promise.race([once(createInterface(keeper.stdout), 'line'), ended]);
  if (typeof line[0] !== 'string') throw new Error('Expected a Postgres server, got none: see above');
  const url = `postgres://tester:${password}@127.0.0.1:${JSON.parse(line[0]).port}/postgres`;
  for (let tries = 0; ; tries += 1) {
    const client = new pg.Client({ connectionString: url });
    try {
      await client.connect();
      await client.end();
      break;
    } catch (error) {
      // For a moment it answers, and takes no sessions yet.
      if (tries === 200 || /** @type {{ code?: string }} */ (error).code !== '57P03') throw error;
      await sleep(20);
    }
  }
  return {
    url,
    stop: async () => {
      keeper.stdin.end();
      await ended;
    },
  };
};

/** Fills the tables of a `postgresStore()`, with uuids of the server's making. @param {string} url @param {string} schema @param {number} entries */
export const fillPostgres = async (url, schema, entries) => {
  const { records } = tableNames({ schema });
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(postgresSchema({ schema }));
  // Indexes that are made of what is there take a fraction of the time of those that follow each row.
  const { rows: indexes } = await client.query(
    `SELECT indexname AS name, indexdef AS definition FROM pg_indexes WHERE schemaname = $1 AND indexname LIKE '%records%'`,
    [schema],
  );
  await client.query(`ALTER TABLE ${records} DROP CONSTRAINT ${records.split('.')[1]}_pkey`);
  for (const { name } of indexes) await client.query(`DROP INDEX IF EXISTS ${schema}.${name}`);
  await client.query(
    `INSERT INTO ${records} (id, version, state, expires_at, data, changed_by)
     SELECT convert_to('t:' || md5(number::text)::uuid::text, 'UTF8'), 1, $1::bigint, $2::float8, '{}', pg_current_xact_id()
     FROM generate_series(1, $3::integer) AS number`,
    [REVOKED, expiresAtMs(), entries],
  );
  await client.query(`SET maintenance_work_mem = '256MB'`);
  await client.query(`ALTER TABLE ${records} ADD PRIMARY KEY (id)`);
  for (const { name, definition } of indexes) if (!name.endsWith('_pkey')) await client.query(definition);
  // As a server that has had them for a while.
  await client.query(`VACUUM ANALYZE ${records}`);
  await client.end();
};
