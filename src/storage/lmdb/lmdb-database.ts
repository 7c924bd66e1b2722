/**
 * Records in an LMDB environment: four databases, kept consistent by one transaction a batch. Synchronous: a
 * transaction's commit has synced its pages, and then its root, when it returns.
 *
 *     records   id                              -> JSON of all
 *     entries   id                              -> state, expiry, and the key if the id is not it: what a load reads
 *     subjects  length, id of the subject, id   -> nothing
 *     expiries  expiry, in sortable bytes, id   -> nothing
 */
import type * as Lmdb from 'lmdb';
import { PackedPage } from '../port/packed-entries.js';
import { storedJson, unreadable } from '../port/stored-json.js';
import { nameText, storedName } from '../port/stored-names.js';
import { EntryScan } from './entry-scan.js';
import type { LmdbOperations, WireRecord, WireResult, WireWrite } from './lmdb-protocol.js';

const ENTRIES_AT_ONCE = 50_000;
const RECORDS_AT_ONCE = 1_000;
const NOTHING = Buffer.of(0);

type Database = Lmdb.Database<Buffer, Buffer>;

/** A record in its JSON form. */
interface Stored {
  readonly v: number;
  readonly s: number;
  /** The expiry; absent: never. */
  readonly e?: number;
  /** The subject, and the key if it is long. */
  readonly u?: string;
  readonly k?: string;
  readonly d: unknown;
}

export class LmdbDatabase implements Omit<LmdbOperations, 'open'> {
  readonly #root: Lmdb.RootDatabase<Buffer, Buffer>;
  readonly #records: Database;
  readonly #entries: Database;
  readonly #subjects: Database;
  readonly #expiries: Database;
  readonly #scan = new EntryScan();

  constructor(lmdb: typeof Lmdb, path: string) {
    const binary = { keyEncoding: 'binary', encoding: 'binary' } as const;
    // The last option makes a commit sync before it returns: by default it syncs later, in another thread.
    this.#root = lmdb.open<Buffer, Buffer>({ ...binary, path, noSubdir: false, maxDbs: 8, overlappingSync: false });
    const database = (name: string): Database => this.#root.openDB({ ...binary, name });
    this.#records = database('records');
    this.#entries = this.#root.openDB<Buffer, Buffer>({ ...this.#scan.encoders, name: 'entries' });
    this.#subjects = database('subjects');
    this.#expiries = database('expiries');
  }

  get = (keys: readonly string[]): readonly (WireRecord | undefined)[] =>
    keys.map((key) => this.#recordOf(storedName(key).id));

  write = (writes: readonly WireWrite[]): readonly WireResult[] =>
    this.#root.transactionSync(() => writes.map((write) => this.#writeOne(write)));

  remove = (records: readonly { readonly key: string; readonly version: number }[]): number =>
    this.#root.transactionSync(() => {
      const gone = records.filter(({ key, version }) => {
        const { id } = storedName(key);
        const found = this.#storedAt(id);
        if (found?.v !== version) return false;
        this.#unindex(id, found);
        void this.#entries.remove(id);
        void this.#records.remove(id);
        return true;
      });
      return gone.length;
    });

  entries = (after?: Uint8Array): { page: Uint8Array; next?: Uint8Array } => {
    const page = new PackedPage();
    this.#scan.into(page);
    // An explicit start: a custom encoder's default start would skip the first possible keys.
    const range = this.#entries.getRange({ start: after ? following(after) : NOTHING, limit: ENTRIES_AT_ONCE });
    // The encoder collects the entries during the iteration.
    const iterator = range[Symbol.iterator]();
    while (iterator.next().done !== true);
    return { page: page.take(), ...(page.count === ENTRIES_AT_ONCE && { next: this.#scan.lastId() }) };
  };

  bySubject = (subject: string, after?: Uint8Array): { page: readonly WireRecord[]; next?: Uint8Array } => {
    const prefix = subjectPrefix(subject);
    const range = { start: after ? following(after) : prefix, end: beyond(prefix), limit: RECORDS_AT_ONCE };
    const keys = [...this.#subjects.getKeys(range)];
    const page = keys.flatMap((key) => this.#recordOf(key.subarray(prefix.length)) ?? []);
    const last = keys.at(-1);
    return { page, ...(keys.length === RECORDS_AT_ONCE && last && { next: last }) };
  };

  expired = (beforeMs: number, limit: number): readonly WireRecord[] => {
    const keys = [...this.#expiries.getKeys({ end: sortable(beforeMs), limit })];
    return keys.flatMap((key) => this.#recordOf(key.subarray(8)) ?? []);
  };

  close = (): void => void this.#root.close();

  #writeOne({ replaces, ...write }: WireWrite): WireResult {
    const { id, whole } = storedName(write.key);
    const found = this.#storedAt(id);
    if ((found?.v ?? 0) !== replaces) return { found: found && asRecord(id, found) };
    if (found) this.#unindex(id, found);
    const version = replaces + 1;
    const { key, state, expiresAtMs, subject } = write;
    const rest = {
      v: version,
      s: state,
      ...(expiresAtMs !== Infinity && { e: expiresAtMs }),
      ...(subject !== undefined && { u: subject }),
      ...(whole && { k: key }),
    };
    // The data is JSON already.
    void this.#records.put(id, Buffer.from(`${JSON.stringify(rest).slice(0, -1)},"d":${write.data}}`));
    const entry = Buffer.alloc(12 + (whole?.length ?? 0));
    entry.writeUInt32BE(state, 0);
    entry.writeDoubleBE(expiresAtMs, 4);
    if (whole) entry.set(whole, 12);
    void this.#entries.put(id, entry);
    if (subject !== undefined) void this.#subjects.put(Buffer.concat([subjectPrefix(subject), id]), NOTHING);
    if (expiresAtMs !== Infinity) void this.#expiries.put(Buffer.concat([sortable(expiresAtMs), id]), NOTHING);
    return version;
  }

  #unindex(id: Buffer, { u: subject, e: expiresAtMs }: Stored): void {
    if (subject !== undefined) void this.#subjects.remove(Buffer.concat([subjectPrefix(subject), id]));
    if (expiresAtMs !== undefined) void this.#expiries.remove(Buffer.concat([sortable(expiresAtMs), id]));
  }

  #storedAt(id: Buffer): Stored | undefined {
    const value = this.#records.get(id);
    return value && storedOf(value.toString('utf8'));
  }

  #recordOf(id: Buffer): WireRecord | undefined {
    const found = this.#storedAt(id);
    return found && asRecord(id, found);
  }
}

/** Parses a record from its JSON. @throws STORE_FAILED if it is incomplete */
export const storedOf = (json: string): Stored => {
  const what = 'A record in the LMDB database';
  const { v, s, e, u, k, d } = (storedJson(json, what) ?? {}) as Partial<Record<keyof Stored, unknown>>;
  const isWhole =
    isWithin(v, 1, Number.MAX_SAFE_INTEGER) &&
    isWithin(s, 0, 2 ** 32 - 1) &&
    (e === undefined || typeof e === 'number') &&
    [u, k].every((text) => text === undefined || typeof text === 'string') &&
    d !== undefined;
  if (!isWhole) throw unreadable(`${what} is incomplete`);
  return {
    v,
    s,
    ...(e !== undefined && { e }),
    ...(u !== undefined && { u }),
    ...(k !== undefined && { k }),
    d,
  } as Stored;
};

const isWithin = (value: unknown, least: number, most: number): boolean =>
  Number.isInteger(value) && (value as number) >= least && (value as number) <= most;

const asRecord = (id: Buffer, { v, s, e, u, k, d }: Stored): WireRecord => ({
  key: k ?? nameText(id),
  version: v,
  state: s,
  expiresAtMs: e ?? Infinity,
  ...(u !== undefined && { subject: u }),
  data: JSON.stringify(d),
});

/** Prefixed by its length, so that no subject is a prefix of another. */
const subjectPrefix = (subject: string): Buffer => {
  const { id } = storedName(subject);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(id.length);
  return Buffer.concat([length, id]);
};

/** A float as bytes that sort in numerical order. */
const sortable = (ms: number): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleBE(ms);
  const isNegative = (bytes[0]! & 0x80) !== 0;
  for (let at = 0; at < 8; at++) bytes[at]! ^= isNegative ? 0xff : at === 0 ? 0x80 : 0;
  return bytes;
};

/** The next possible key. */
const following = (key: Uint8Array): Buffer => Buffer.concat([key, NOTHING]);

/** A key after all keys with this prefix: no id begins with as many 0xFF. */
const beyond = (prefix: Buffer): Buffer => Buffer.concat([prefix, Buffer.alloc(16, 0xff)]);
