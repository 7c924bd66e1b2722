/**
 * The one port to what is kept outside of memory. An actor opens a store in its thread, and nobody else does.
 */
import type { Clock } from '../../core/clock.js';

/** What an entry tells without its data: enough for the table. */
export interface StoredEntry {
  /** Any string; each its own. */
  readonly key: string;
  /** 32 bits, unsigned, of whoever stores: the store does not understand them. */
  readonly state: number;
  /** From then on it may be expunged: ms since the Unix epoch; `Infinity` for never. */
  readonly expiresAtMs: number;
}

/** A record as it is stored. */
export interface StoredRecord extends StoredEntry {
  /** Counts what was written under this key, from 1; the store gives it. */
  readonly version: number;
  /** Whose it is, for {@link Store.bySubject}. */
  readonly subject?: string;
  /** Any JSON value. */
  readonly data: unknown;
}

/** A record to be stored, if nobody else has stored one since. */
export interface StoreWrite extends Omit<StoredRecord, 'version'> {
  /** The version that it replaces; 0: there is none. */
  readonly replaces: number;
  /**
   * The `expiresAtMs` of what it replaces. A store that several processes write to refuses to replace a record with another:
   * one that was removed and made anew counts its versions anew.
   */
  readonly replacesExpiresAtMs?: number;
}

/** A record to be removed, if it is still the same: the version, and the expiry where it is given (as of a write). */
export type StoreRemoval = Pick<StoredRecord, 'key' | 'version'> & Partial<Pick<StoredRecord, 'expiresAtMs'>>;

/** What has become of a {@link StoreWrite}: its version, or what was there instead (undefined: nothing). */
export type StoreWriteResult =
  | { readonly written: true; readonly version: number }
  | { readonly written: false; readonly found: StoredRecord | undefined };

/** Where a look at the changes ended; opaque, and of no use after the store was opened anew. */
export type StoreCursor = string;

/** Everything that is there, and where a look at what changes from now on begins. */
export interface StoreEntries {
  /** Of before the first batch. */
  readonly cursor: StoreCursor;
  /** Without their data. */
  readonly batches: AsyncIterable<readonly StoredEntry[]>;
}

/** What has changed since a look, and where the next one begins. */
export interface StoreChanges {
  /** What was written, by anyone, in no order; may hold what was told before. */
  readonly entries: readonly StoredEntry[];
  /** Where the next look begins. */
  readonly cursor: StoreCursor;
}

/** What an opened store is given of the actor that opens it. */
export interface StoreContext {
  /** What it takes its time from. */
  readonly clock: Clock;
  /** Unique to the supervisor and the child: an owner for locks. */
  readonly owner: string;
  /** Something has changed, or may have: look at the changes soon. */
  changed(): void;
}

/**
 * A store, opened. All methods may reject with STORE_UNAVAILABLE: it is not known then whether a write was carried out,
 * and a repeated one finds out by its version. None waits for longer than the store's own bound.
 */
export interface Store {
  /** True if nobody but this process writes to it: then there are no changes to look for. */
  readonly exclusive: boolean;
  /** Everything that is there. */
  entries(): Promise<StoreEntries>;
  /** What is there under these keys, in their order. */
  get(keys: readonly string[]): Promise<readonly (StoredRecord | undefined)[]>;
  /** Resolves when what was written is durable. Each write stands alone; one that is refused holds up no other. */
  write(writes: readonly StoreWrite[]): Promise<readonly StoreWriteResult[]>;
  /** The records of a subject, in batches. */
  bySubject(subject: string): AsyncIterable<readonly StoredRecord[]>;
  /** Records whose `expiresAtMs` is before this instant, the earliest first. */
  expired(beforeMs: number, limit: number): Promise<readonly StoredRecord[]>;
  /** Removes those that are still the same; resolves with how many, when it is durable. */
  remove(records: readonly StoreRemoval[]): Promise<number>;
  /**
   * What was written since the cursor, by anyone; may repeat, never leaves out. Undefined if that is not known any more, or
   * too much for one answer: everything is to be read again, by {@link Store.entries}.
   */
  changes(cursor: StoreCursor): Promise<StoreChanges | undefined>;
  /** Ends it, bounded. */
  close(): Promise<void>;
}

/** What a store's module exports: opens it, or throws; bounded. The options are plain data. */
export type OpenStore<Options = unknown> = (options: Options, context: StoreContext) => Promise<Store>;
