/** Copies the store into the table: everything at the start, then the changes of any process. */
import { nextTurn } from '../../core/next-turn.js';
import type { Store, StoreCursor, StoredEntry } from '../../storage/port/store.js';
import { readKey } from './ledger-entry.js';
import type { LedgerRow } from './ledger-record.js';
import type { LedgerTable } from './ledger-table.js';

/** A new revocation, as readers see it: a row, or a key whose record can't be read. */
export type Revoked = { readonly jti: string; readonly subject?: string; readonly purpose?: string } | Cutoff;

export interface Cutoff {
  readonly subject: string;
  readonly cutoffS: number;
}

export const revokedOf = (row: LedgerRow): Revoked => {
  const { kind, subject } = row;
  if (kind === 'cutoff') return { subject, cutoffS: row.cutoffS };
  const { jti, purpose } = row;
  return { jti, ...(subject !== undefined && { subject }), ...(purpose !== undefined && { purpose }) };
};

export interface LedgerFeedOptions {
  readonly store: Store;
  readonly table: LedgerTable;
  /** Reads the records of these keys. */
  readonly read: (keys: readonly string[]) => Promise<readonly (LedgerRow | undefined)[]>;
  readonly onRevoked: (revoked: Revoked) => void;
}

export class LedgerFeed {
  readonly #options: LedgerFeedOptions;
  #cursor: StoreCursor | undefined;

  constructor(options: LedgerFeedOptions) {
    this.#options = options;
  }

  /**
   * Puts all entries into the table, and returns their number. `tells`: readers already trust the table, so new
   * revocations are reported.
   *
   * @throws STORE_UNAVAILABLE, TABLE_FULL
   */
  async load({ tells, signal }: { readonly tells: boolean; readonly signal: AbortSignal }): Promise<number> {
    const { cursor, batches } = await this.#options.store.entries();
    let loaded = 0;
    for await (const batch of batches) {
      if (signal.aborted) return loaded;
      if (tells) this.#put(batch);
      else this.#options.table.fill(batch);
      loaded += batch.length;
      // Calls and the heartbeat run in between.
      await nextTurn();
    }
    this.#cursor = cursor;
    return loaded;
  }

  /**
   * Puts the changes since the last call into the table, or all entries, if the store no longer knows the changes.
   *
   * @throws STORE_UNAVAILABLE, TABLE_FULL
   */
  async look(signal: AbortSignal): Promise<void> {
    const { store } = this.#options;
    // No other process writes to it while the lock is held; any answer confirms that.
    if (store.exclusive) return void (await store.get([]));
    const changes = await store.changes(this.#cursor ?? '');
    if (!changes) return void (await this.load({ tells: true, signal }));
    this.#put(changes.entries);
    this.#cursor = changes.cursor;
  }

  #put(entries: readonly StoredEntry[]): void {
    const news: StoredEntry[] = [];
    try {
      for (const entry of entries) if (this.#options.table.merge(entry)) news.push(entry);
    } finally {
      // Readers see it already: the event's details are read without waiting.
      if (news.length > 0) void this.#tell(news);
    }
  }

  async #tell(news: readonly StoredEntry[]): Promise<void> {
    const { read, onRevoked } = this.#options;
    const rows = await read(news.map(({ key }) => key)).catch(() => []);
    for (const [index, { key, state }] of news.entries()) {
      const row = rows[index];
      const of = readKey(key);
      if (row) onRevoked(revokedOf(row));
      else if (of) onRevoked('subject' in of ? { ...of, cutoffS: state } : of);
    }
  }
}
