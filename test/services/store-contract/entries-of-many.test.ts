/** All entries of a store that has more than it reads at once, and while others change it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { lmdbStore, postgresStore, type Store, type StoredEntry } from 'tokenvisor/storage';
import { startPostgres, type TestPostgres } from '../../support/postgres.js';
import { aWrite, entriesOf, open } from './contract.js';

const stores: Store[] = [];
afterEach(() => Promise.all(stores.splice(0).map((store) => store.close())));

describe('lmdbStore()', () => {
  const directory = mkdtempSync(join(tmpdir(), 'tokenvisor-many-'));
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  test('reads two pages, whose last and first are each there once, with keys of every length', async () => {
    const store = await open(lmdbStore(directory));
    stores.push(store);
    const keys = Array.from({ length: 50_002 }, (_, at) => (at % 1_000 === 0 ? `${at}`.padEnd(700, 'long') : `${at}`));
    for (let at = 0; at < keys.length; at += 10_000) {
      await store.write(keys.slice(at, at + 10_000).map((key, index) => aWrite(key, { state: at + index })));
    }
    const entries = await entriesOf(store);
    expect(entries.size).toBe(keys.length);
    expect(keys.filter((key, index) => entries.get(key)?.state !== index)).toEqual([]);
  });
});

describe('postgresStore()', () => {
  const ROWS = 6_000;
  let postgres: TestPostgres;
  beforeAll(async () => {
    postgres = await startPostgres();
  });
  afterAll(() => postgres.stop());

  /** A table of 1,500 blocks, four rows in each: three pages. Rows before `first` have been there, and are not. */
  const tableFrom = async (first: number) => {
    const schema = postgres.newSchema();
    const store = await open(postgresStore({ connectionString: postgres.url, schema, listen: false }));
    stores.push(store);
    const session = await postgres.session();
    await session.query(
      `INSERT INTO ${schema}.ledger_records (id, version, state, expires_at, data, changed_by)
       SELECT convert_to(number::text, 'UTF8'), 1, 1, 'Infinity', to_json(repeat('x', 1900)), pg_current_xact_id()
       FROM generate_series(1, ${ROWS}) AS number`,
    );
    await session.query(`DELETE FROM ${schema}.ledger_records WHERE convert_from(id, 'UTF8')::integer < $1`, [first]);
    return { store, session, table: `${schema}.ledger_records` };
  };

  /** All entries; `meanwhile` is done after the first page, when the third has not been asked for. */
  const readWhile = async (
    store: Store,
    meanwhile: () => Promise<unknown>,
  ): Promise<ReadonlyMap<string, StoredEntry>> => {
    const found = new Map<string, StoredEntry>();
    const { batches } = await store.entries();
    let pages = 0;
    for await (const batch of batches) {
      if (pages++ === 0) await meanwhile();
      for (const entry of batch) found.set(entry.key, entry);
    }
    return found;
  };

  test('has all rows, each once, page after page', async () => {
    const { store } = await tableFrom(1);
    expect((await entriesOf(store)).size).toBe(ROWS);
  });

  test('has what was changed while it was read, wherever it lies since', async () => {
    const { store } = await tableFrom(1);
    const keys = Array.from({ length: 50 }, (_, index) => String(ROWS - index));
    const found = await readWhile(store, () =>
      store.write(keys.map((key) => aWrite(key, { replaces: 1, state: 3, data: 'x'.repeat(1_900) }))),
    );
    expect(found.size).toBe(ROWS);
    expect(keys.filter((key) => found.get(key)?.state !== 3)).toEqual([]);
  });

  test('has all rows if they are moved to another file while it is read', async () => {
    const { store, session, table } = await tableFrom(1_000);
    const found = await readWhile(store, () => session.query(`VACUUM FULL ${table}`));
    expect(found.size).toBe(ROWS - 999);
  });
});
