/**
 * The ledger's side of the shared table that readers use. New entries are merged with the existing ones, so that late
 * or repeated updates undo nothing.
 */
import type { StoredEntry } from '../../storage/port/store.js';
import { ROW_WORDS } from '../../table/layout.js';
import { expirySeconds } from '../../table/expiry.js';
import type { TableWriter } from '../../table/table-writer.js';
import { type LedgerEntry, mergeEntry, readKey, State } from './ledger-entry.js';

/** Subjects have a separate domain: they can't be confused with tokens. */
export const Domain = { TOKEN: 0, SUBJECT: 1 } as const;

/** The number of state bits. The bits above have the era: a stored token counts in its era only. */
const STATE_BITS = 2;
const STATE_MASK = 2 ** STATE_BITS - 1;
const ERAS = 2 ** (32 - STATE_BITS);
export const nextEra = (era: number): number => (era + 1) % ERAS;
export const isStored = (meta: number, era: number): boolean =>
  (meta & State.STORED) !== 0 && meta >>> STATE_BITS === era;

/**
 * Evaluates a token's entry for readers, if there is one. The era must be read after the entry was found: the actor
 * changes it first, so an entry that was stored in an earlier era counts as not stored from then on.
 */
export const isRevokedBy = (meta: number | undefined, requireStored: boolean, era: () => number): boolean => {
  if (meta === undefined) return requireStored;
  if ((meta & State.REVOKED) !== 0) return true;
  return requireStored && !isStored(meta, era());
};

export interface LedgerTableOptions {
  readonly writer: Pick<TableWriter, 'writeRow' | 'findRow' | 'put' | 'reserve' | 'expiryS' | 'meta' | 'size'>;
  /**
   * The current era. A token stored in another one has been forgotten by the store, and can't be revoked by subject: so
   * it counts as not stored.
   */
  readonly era: number;
  readonly requireStored: boolean;
  readonly cutoffs: boolean;
}

export class LedgerTable {
  readonly #options: LedgerTableOptions;
  readonly #row = new Int32Array(ROW_WORDS);
  #reserved = 0;

  constructor(options: LedgerTableOptions) {
    this.#options = options;
  }

  /** The table's entry of a key, whatever its expiry. */
  entry(key: string): LedgerEntry | undefined {
    return this.#find(key) ? this.#entry(key) : undefined;
  }

  /** Reserves room for an entry, until it is {@link release}d. @throws TABLE_FULL */
  reserve({ key, state }: Pick<StoredEntry, 'key' | 'state'>): void {
    if (!this.#takes(key, state) || this.#find(key)) return;
    this.#options.writer.reserve(this.#reserved + 1);
    this.#reserved += 1;
  }

  /** Releases a reservation: its entry has been put, or will not be. */
  release(): void {
    this.#reserved = 0;
  }

  /** Merges an entry; true if it is a new revocation, as readers see it. @throws TABLE_FULL */
  merge(entry: StoredEntry): boolean {
    const { key, state } = entry;
    const there = this.#find(key) ? this.#entry(key) : undefined;
    if (!there && !this.#takes(key, state)) return false;
    const next = mergeEntry(there, entry);
    if (!next) return false;
    const isCutoff = isOfSubject(key);
    const row = this.#row;
    row[3] = next.expiryS;
    row[4] = isCutoff ? next.meta : this.#metaOf(next.meta);
    this.#options.writer.put(row);
    if (isCutoff) return next.meta !== there?.meta;
    return (next.meta & State.REVOKED) !== 0 && ((there?.meta ?? 0) & State.REVOKED) === 0;
  }

  /**
   * {@link merge} for many mostly new entries, without reporting revocations. They are put in one call, so that the
   * processor can overlap their memory accesses.
   *
   * @throws TABLE_FULL
   */
  fill(entries: readonly StoredEntry[]): void {
    const { writer } = this.#options;
    const rows = new Int32Array(entries.length * ROW_WORDS);
    let count = 0;
    let isAll = true;
    for (const entry of entries) {
      if (!this.#takes(entry.key, entry.state)) isAll = false;
      else this.#writeRow(rows, count++, entry);
    }
    const added = writer.put(rows.subarray(0, count * ROW_WORDS), { keepMeta: true });
    if (isAll && added === count) return;
    // Some existed, or were duplicates. Merging them again is safe: it never takes anything back.
    for (const entry of entries) this.merge(entry);
  }

  #writeRow(rows: Int32Array, index: number, { key, state, expiresAtMs }: StoredEntry): void {
    const { writer } = this.#options;
    const of = readKey(key);
    if (!of) return;
    const expiryS = expirySeconds(expiresAtMs, 'up');
    if ('subject' in of) writer.writeRow(rows, index, of.subject, expiryS, state, Domain.SUBJECT);
    else writer.writeRow(rows, index, of.jti, expiryS, this.#metaOf(state), Domain.TOKEN);
  }

  /** The meta of a token's entry. */
  #metaOf(state: number): number {
    return (state & State.STORED) === 0 ? state : state | (this.#options.era << STATE_BITS);
  }

  /** Stored but unrevoked tokens matter to readers only with `requireStored`; cutoffs, only if they check subjects. */
  #takes(key: string, state: number): boolean {
    const of = readKey(key);
    // An entry of a later version of the package has no meaning for readers of this one.
    if (!of) return false;
    if ('subject' in of) return this.#options.cutoffs;
    return (state & (State.REVOKED | (this.#options.requireStored ? State.STORED : 0))) !== 0;
  }

  /** Writes the row of this key, and looks it up; true if there is an entry. */
  #find(key: string): boolean {
    const { writer } = this.#options;
    const of = readKey(key);
    if (!of) return false;
    if ('subject' in of) writer.writeRow(this.#row, 0, of.subject, 0, 0, Domain.SUBJECT);
    else writer.writeRow(this.#row, 0, of.jti, 0, 0, Domain.TOKEN);
    return writer.findRow(this.#row, 0);
  }

  /** The entry found last. */
  #entry(key: string): LedgerEntry {
    const { writer, era } = this.#options;
    const { expiryS, meta } = writer;
    if (isOfSubject(key)) return { meta, expiryS };
    return { meta: isStored(meta, era) ? meta & STATE_MASK : meta & State.REVOKED, expiryS };
  }
}

const isOfSubject = (key: string): boolean => 'subject' in (readKey(key) ?? {});
