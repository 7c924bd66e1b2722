/** The port to storage outside of memory. An actor opens a store in its thread, and is its only user there. */
import type { Clock } from '../../core/clock.js';

/** An entry without its data: all that the table needs. */
export interface StoredEntry {
  /** Any string; unique. */
  readonly key: string;
  /** 32 bits, unsigned. Their meaning is up to the caller; the store only keeps them. */
  readonly state: number;
  /** When it may be expunged: ms since the Unix epoch; `Infinity` for never. */
  readonly expiresAtMs: number;
}

/** A record as it is stored. */
export interface StoredRecord extends StoredEntry {
  /** Counts the writes under this key, from 1; assigned by the store. */
  readonly version: number;
  /** The subject of the record, for {@link Store.bySubject}. */
  readonly subject?: string;
  /** Any JSON value. */
  readonly data: unknown;
}

/** A record to store, unless another one was stored since. */
export interface StoreWrite extends Omit<StoredRecord, 'version'> {
  /** The version that it replaces; 0: none. */
  readonly replaces: number;
  /**
   * The `expiresAtMs` of the replaced record. A store with several writing processes refuses to replace a record with
   * another expiry: a record that was removed and added again counts its versions from 1 again.
   */
  readonly replacesExpiresAtMs?: number;
}

/** A record to remove, if it is unchanged: the same version, and the same expiry if it is given (as for a write). */
export type StoreRemoval = Pick<StoredRecord, 'key' | 'version'> & Partial<Pick<StoredRecord, 'expiresAtMs'>>;

/** The result of a {@link StoreWrite}: its version, or the record found instead (undefined: none). */
export type StoreWriteResult =
  | { readonly written: true; readonly version: number }
  | { readonly written: false; readonly found: StoredRecord | undefined };

/** A position in the changes; opaque, and invalid after the store was opened again. */
export type StoreCursor = string;

/** All entries, and the position in the changes from before they were read. */
export interface StoreEntries {
  /** Taken before the first batch. */
  readonly cursor: StoreCursor;
  /** Without their data. */
  readonly batches: AsyncIterable<readonly StoredEntry[]>;
}

/** The changes since a cursor, and the next cursor. */
export interface StoreChanges {
  /** The written entries, by any process, in no order; may repeat earlier ones. */
  readonly entries: readonly StoredEntry[];
  /** The start of the next request for changes. */
  readonly cursor: StoreCursor;
}

/** The context of an opened store. */
export interface StoreContext {
  /** The clock of the store. */
  readonly clock: Clock;
  /** Unique to the supervisor and the child: an owner for locks. */
  readonly owner: string;
  /** Tells the actor that something may have changed, so that it requests the changes soon. */
  changed(): void;
}

/**
 * An open store. All methods may reject with STORE_UNAVAILABLE: the write may have been carried out, and a repeated one
 * detects it by its version. None waits for longer than the store's bound.
 */
export interface Store {
  /** True if only this process writes to it: then it needs no requests for changes. */
  readonly exclusive: boolean;
  /** All entries. */
  entries(): Promise<StoreEntries>;
  /** The records of these keys, in the order of the keys. */
  get(keys: readonly string[]): Promise<readonly (StoredRecord | undefined)[]>;
  /**
   * Resolves when the written records are durable. Each write is independent; a refused one does not affect the others.
   */
  write(writes: readonly StoreWrite[]): Promise<readonly StoreWriteResult[]>;
  /** The records of a subject, in batches. */
  bySubject(subject: string): AsyncIterable<readonly StoredRecord[]>;
  /** Records whose `expiresAtMs` is before this instant, the earliest first. */
  expired(beforeMs: number, limit: number): Promise<readonly StoredRecord[]>;
  /** Removes the unchanged ones; resolves with their number when it is durable. */
  remove(records: readonly StoreRemoval[]): Promise<number>;
  /**
   * The entries written since the cursor, by any process; may repeat, never omits. Undefined if the cursor is too old,
   * or the changes are too many for one answer: read everything again, by {@link Store.entries}.
   */
  changes(cursor: StoreCursor): Promise<StoreChanges | undefined>;
  /** Closes it, within a bound. */
  close(): Promise<void>;
}

/** The export of a store's module: opens the store, or throws; bounded. The options are plain data. */
export type OpenStore<Options = unknown> = (options: Options, context: StoreContext) => Promise<Store>;
