/**
 * The ledger's side of the shared table: what readers look at. What is put there is merged with what is there, so that
 * nothing that comes late, or twice, takes anything back.
 */
import type { StoredEntry } from '../../storage/port/store.js';
import { ROW_WORDS } from '../../table/layout.js';
import { expirySeconds } from '../../table/expiry.js';
import type { TableWriter } from '../../table/table-writer.js';
import { type LedgerEntry, mergeEntry, readKey, State } from './ledger-entry.js';

/** Subjects are of a domain of their own: none can be taken for a token. */
export const Domain = { TOKEN: 0, SUBJECT: 1 } as const;

/** That something was stored counts in its era alone, which the bits above those of the state say. */
const STATE_BITS = 2;
const STATE_MASK = 2 ** STATE_BITS - 1;
const ERAS = 2 ** (32 - STATE_BITS);
export const nextEra = (era: number): number => (era + 1) % ERAS;
export const isStored = (meta: number, era: number): boolean =>
  (meta & State.STORED) !== 0 && meta >>> STATE_BITS === era;

/**
 * What readers make of a token's entry, if there is one. The era is asked for after the entry was found: the actor changes
 * it before it does anything else, so what was stored in one before it is none from then on.
 */
export const isRevokedBy = (meta: number | undefined, requireStored: boolean, era: () => number): boolean => {
  if (meta === undefined) return requireStored;
  if ((meta & State.REVOKED) !== 0) return true;
  return requireStored && !isStored(meta, era());
};

export interface LedgerTableOptions {
  readonly writer: Pick<TableWriter, 'writeRow' | 'findRow' | 'put' | 'reserve' | 'expiryS' | 'meta' | 'size'>;
  /** What was stored in another one has been forgotten by the store, and can't be revoked by subject: so it is none. */
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

  /** What the table has of a key, whatever its expiry. */
  entry(key: string): LedgerEntry | undefined {
    return this.#find(key) ? this.#entry(key) : undefined;
  }

  /** Room for what is to be put, until it is {@link release}d. @throws TABLE_FULL */
  reserve({ key, state }: Pick<StoredEntry, 'key' | 'state'>): void {
    if (!this.#takes(key, state) || this.#find(key)) return;
    this.#options.writer.reserve(this.#reserved + 1);
    this.#reserved += 1;
  }

  /** What was reserved has been put, or will not be. */
  release(): void {
    this.#reserved = 0;
  }

  /** True if something is revoked by it that was not, as far as readers could see. @throws TABLE_FULL */
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
   * {@link merge} for many that are hardly there yet, without saying what is news of it. They are put all at once: so the
   * processor need not wait for the memory of one before it begins with the next.
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
    // Some were there, or came twice. What they are by now they were to become: it is never less than it was.
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

  /** Of a token. */
  #metaOf(state: number): number {
    return (state & State.STORED) === 0 ? state : state | (this.#options.era << STATE_BITS);
  }

  /** What is only stored matters to readers if others are not accepted; cutoffs, if they ask for subjects. */
  #takes(key: string, state: number): boolean {
    const of = readKey(key);
    // One of a later version of the package means nothing to the readers of this one.
    if (!of) return false;
    if ('subject' in of) return this.#options.cutoffs;
    return (state & (State.REVOKED | (this.#options.requireStored ? State.STORED : 0))) !== 0;
  }

  /** Makes the row of this key; true if there is an entry. */
  #find(key: string): boolean {
    const { writer } = this.#options;
    const of = readKey(key);
    if (!of) return false;
    if ('subject' in of) writer.writeRow(this.#row, 0, of.subject, 0, 0, Domain.SUBJECT);
    else writer.writeRow(this.#row, 0, of.jti, 0, 0, Domain.TOKEN);
    return writer.findRow(this.#row, 0);
  }

  /** What was found last. */
  #entry(key: string): LedgerEntry {
    const { writer, era } = this.#options;
    const { expiryS, meta } = writer;
    if (isOfSubject(key)) return { meta, expiryS };
    return { meta: isStored(meta, era) ? meta & STATE_MASK : meta & State.REVOKED, expiryS };
  }
}

const isOfSubject = (key: string): boolean => 'subject' in (readKey(key) ?? {});
