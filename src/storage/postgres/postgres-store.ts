/**
 * The store in a Postgres table, for any number of processes.
 *
 * Each operation is one statement, and so one transaction: an answered one is committed, an unanswered one is there as
 * a whole or not at all.
 */
import { createHash } from 'node:crypto';
import type * as Pg from 'pg';
import { TokenvisorError } from '../../core/errors.js';
import { requirePeer } from '../port/optional-peer.js';
import { unpacked } from '../port/packed-entries.js';
import type {
  OpenStore,
  Store,
  StoreChanges,
  StoredEntry,
  StoredRecord,
  StoreRemoval,
  StoreEntries,
  StoreWrite,
  StoreWriteResult,
} from '../port/store.js';
import { storedJson } from '../port/stored-json.js';
import { nameText, storedName } from '../port/stored-names.js';
import { tableNames } from './migrations.js';
import { PostgresConnection, type Row } from './postgres-connection.js';
import { migrate } from './postgres-migrate.js';
import type { CheckedPostgresOptions } from './postgres-options.js';
import { statements } from './postgres-statements.js';

/** Blocks of the table's file per page: some 40,000 rows. */
const BLOCKS_AT_ONCE = 500;
const RECORDS_AT_ONCE = 1_000;
/** With more changes than these, some 30 MB, all entries are read again, page by page. */
const CHANGES_AT_ONCE = 500_000;
/** The most rows of a statement that writes. */
const MAX_ROWS = 2_000;
const MAX_CHARACTERS = 4_000_000;

class PostgresStore implements Store {
  readonly exclusive = false;
  readonly #connection: PostgresConnection;
  readonly #sql: ReturnType<typeof statements>;
  readonly #channel: string;

  constructor(connection: PostgresConnection, options: CheckedPostgresOptions) {
    this.#connection = connection;
    this.#sql = statements(tableNames(options));
    this.#channel = channelOf(options);
  }

  async entries(): Promise<StoreEntries> {
    const { cursor, ...extent } = await this.#extent();
    return { cursor, batches: this.#entries(cursor, extent) };
  }

  async get(keys: readonly string[]): Promise<readonly (StoredRecord | undefined)[]> {
    const found = new Map<string, StoredRecord>();
    for (const some of inParts(keys, RECORDS_AT_ONCE)) {
      const rows = await this.#connection.query('a read', this.#sql.get, [some.map((key) => storedName(key).id)]);
      for (const record of rows.map(recordOf)) found.set(record.key, record);
    }
    return keys.map((key) => found.get(key));
  }

  async write(writes: readonly StoreWrite[]): Promise<readonly StoreWriteResult[]> {
    const results = new Map<StoreWrite, StoreWriteResult>();
    for (const batch of batchesOf(writes)) {
      const versions = await this.#writeBatch(batch);
      const refused = batch.filter(({ key }) => !versions.has(key));
      const there = await this.get(refused.map(({ key }) => key));
      refused.forEach((write, at) => results.set(write, { written: false, found: there[at] }));
      for (const write of batch) {
        const version = versions.get(write.key);
        if (version !== undefined) results.set(write, { written: true, version });
      }
    }
    return writes.map((write) => results.get(write)!);
  }

  async *bySubject(subject: string): AsyncIterable<readonly StoredRecord[]> {
    const { id } = storedName(subject);
    for (let after: unknown = Buffer.alloc(0); ;) {
      const rows = await this.#connection.query('a read', this.#sql.bySubject, [id, after, RECORDS_AT_ONCE]);
      if (rows.length > 0) yield rows.map(recordOf);
      if (rows.length < RECORDS_AT_ONCE) return;
      after = rows.at(-1)!['id'];
    }
  }

  async expired(beforeMs: number, limit: number): Promise<readonly StoredRecord[]> {
    const rows = await this.#connection.query('a read', this.#sql.expired, [beforeMs, limit]);
    return rows.map(recordOf);
  }

  async remove(records: readonly StoreRemoval[]): Promise<number> {
    let count = 0;
    for (const some of inParts(records, MAX_ROWS)) {
      const ids = some.map(({ key }) => storedName(key).id);
      const versions = some.map(({ version }) => version);
      const expiries = some.map(({ expiresAtMs }) => expiresAtMs ?? null);
      const [row] = await this.#connection.query('a removal', this.#sql.remove, [ids, versions, expiries]);
      count += Number(row?.['count']);
    }
    return count;
  }

  async changes(cursor: string): Promise<StoreChanges | undefined> {
    const [startedAt, snapshot] = cursor.split(' ');
    const values = [startedAt, snapshot, CHANGES_AT_ONCE];
    const [row] = await this.#connection.query('a query for changes', this.#sql.changes, values);
    if (row?.['are_all'] !== true) return undefined;
    return { cursor: String(row['cursor']), entries: unpacked((row['packed'] ?? null) as Buffer | null) };
  }

  close(): Promise<void> {
    return this.#connection.close();
  }

  async #extent(): Promise<Extent & { readonly cursor: string }> {
    const [row] = await this.#connection.query('a query for its size', this.#sql.extent);
    return { cursor: String(row?.['cursor']), file: String(row?.['file']), blocks: Number(row?.['blocks']) };
  }

  async *#entries(cursor: string, { file, blocks }: Extent): AsyncIterable<readonly StoredEntry[]> {
    for (let extent: Extent = { file, blocks }; !(yield* this.#scan(extent));) extent = await this.#extent();
    // A row that was changed meanwhile has moved, perhaps to a block that was read already.
    const changes = await this.changes(cursor);
    if (!changes)
      throw new TokenvisorError('STORE_UNAVAILABLE', 'Postgres was restarted while all entries were read. Try again');
    if (changes.entries.length > 0) yield changes.entries;
  }

  /**
   * Returns false if the rows were moved to another file meanwhile (VACUUM FULL, CLUSTER): some may have been missed.
   */
  async *#scan({ file, blocks }: Extent): AsyncGenerator<readonly StoredEntry[], boolean> {
    const read = (from: number): Promise<readonly Row[]> =>
      this.#connection.query('a read of all entries', this.#sql.entries, [
        `(${from},0)`,
        `(${from + BLOCKS_AT_ONCE},0)`,
      ]);
    let at = 0;
    for (let next = blocks > 0 ? read(0) : undefined; next;) {
      const [row]: readonly Row[] = await next;
      at += BLOCKS_AT_ONCE;
      // The server prepares the next page while this one is unpacked.
      next = at < blocks ? read(at) : undefined;
      next?.catch(() => undefined);
      if (row?.['file'] !== file) return false;
      if (row['packed'] !== null) yield unpacked(row['packed'] as Buffer);
    }
    return true;
  }

  async #writeBatch(batch: readonly StoreWrite[]): Promise<ReadonlyMap<string, number>> {
    const rows = batch
      .map((write) => ({ write, name: storedName(write.key), subject: subjectOf(write) }))
      .sort((a, b) => Buffer.compare(a.name.id, b.name.id)); // All writers use the same order, so that they seldom wait for one another.
    const values = [
      rows.map(({ name }) => name.id),
      rows.map(({ name }) => name.whole ?? null),
      rows.map(({ write }) => write.replaces),
      rows.map(({ write }) => write.state),
      rows.map(({ write }) => write.expiresAtMs),
      rows.map(({ subject }) => subject?.id ?? null),
      rows.map(({ subject }) => subject?.whole ?? null),
      rows.map(({ write }) => JSON.stringify(write.data ?? null)),
      rows.map(({ write }) => write.replacesExpiresAtMs ?? null),
      this.#channel,
    ];
    const written = await this.#connection.query('a write', this.#sql.write, values);
    const versions = new Map(written.map((row) => [(row['id'] as Buffer).toString('hex'), Number(row['version'])]));
    return new Map(
      rows.flatMap(({ write, name }) => {
        const version = versions.get(name.id.toString('hex'));
        return version === undefined ? [] : [[write.key, version] as const];
      }),
    );
  }
}

/** The size of the table: its file, and the number of blocks. */
interface Extent {
  readonly file: string;
  readonly blocks: number;
}

const subjectOf = ({ subject }: StoreWrite) => (subject === undefined ? undefined : storedName(subject));

const recordOf = (row: Row): StoredRecord => {
  const subject = row['subject'] as Buffer | null;
  return {
    key: nameText(row['id'] as Buffer, row['whole_key'] as Buffer | null),
    version: Number(row['version']),
    state: Number(row['state']),
    expiresAtMs: Number(row['expires_at']),
    ...(subject && { subject: nameText(subject, row['whole_subject'] as Buffer | null) }),
    data: storedJson(row['data'] as string, 'The data of a record in Postgres'),
  };
};

const inParts = function* <T>(all: readonly T[], size: number): Iterable<readonly T[]> {
  for (let at = 0; at < all.length; at += size) yield all.slice(at, at + size);
};

/** Batches of a bounded size, with each key at most once: a statement can write a row once. */
const batchesOf = function* (writes: readonly StoreWrite[]): Iterable<readonly StoreWrite[]> {
  let batch: StoreWrite[] = [];
  let keys = new Set<string>();
  let characters = 0;
  for (const write of writes) {
    if (batch.length === MAX_ROWS || characters > MAX_CHARACTERS || keys.has(write.key)) {
      yield batch;
      [batch, keys, characters] = [[], new Set(), 0];
    }
    batch.push(write);
    keys.add(write.key);
    characters += write.key.length + JSON.stringify(write.data ?? null).length;
  }
  if (batch.length > 0) yield batch;
};

/** The channel of notifications: its name is a digest, because it has 63 bytes at most. */
const channelOf = (options: CheckedPostgresOptions): string =>
  `tokenvisor_${createHash('sha256').update(tableNames(options).records).digest('hex').slice(0, 32)}`;

/** Opens the store. @throws START_FAILED, STORE_UNAVAILABLE, STORE_FAILED */
export const openPostgresStore: OpenStore<CheckedPostgresOptions> = async (options, context) => {
  const pg = requirePeer('pg', '^8.11.0', 'postgresStore()') as typeof Pg;
  let isMigrated = false;
  const connection = new PostgresConnection(pg, options, context, {
    changed: () => context.changed(),
    prepare: async (query) => {
      // The role's own defaults might acknowledge commits that are not on disk yet.
      await query(
        `SELECT set_config('statement_timeout', $1, false), set_config('lock_timeout', $1, false),
          set_config('search_path', 'pg_catalog', false), set_config('extra_float_digits', '1', false),
          set_config('synchronous_commit', CASE current_setting('synchronous_commit') WHEN 'off' THEN 'on'
            ELSE current_setting('synchronous_commit') END, false)`,
        [String(Math.ceil(options.statementTimeoutMs))],
      );
      if (!isMigrated) await migrate(query, options);
      isMigrated = true;
      if (options.listen) await query(`LISTEN ${channelOf(options)}`);
    },
  });
  const store = new PostgresStore(connection, options);
  try {
    await connection.query('a first query', 'SELECT 1');
  } catch (error) {
    await store.close();
    throw error;
  }
  return store;
};
