/** The one writer of a table. */
import { boolean, checked, custom, number, object, optional } from '../config/check.js';
import { expiredBy } from './expiry.js';
import { RowWriter } from './row-writer.js';
import { openTable, type TableMemory } from './table-memory.js';
import { checkRows, TableReader } from './table-reader.js';

/** Options of `put()`. */
export interface PutOptions {
  /** Entries that are there keep the meta that they have. @default false */
  readonly keepMeta?: boolean;
}

const anInstant = custom(
  'a number of ms',
  (value): value is number => typeof value === 'number' && !Number.isNaN(value),
);
const putShape = object({ keepMeta: optional(boolean(), false) });

/**
 * There may be only one at a time, in any thread: whoever makes another sees to it that the one before has ended. It may
 * have ended anywhere.
 */
export class TableWriter extends TableReader {
  readonly #rows: RowWriter;

  /**
   * Adopts the table: finishes what the writer before was about, and counts what there is; 0.1 s for ten million.
   *
   * @throws LAYOUT_MISMATCH
   */
  constructor(memory: TableMemory) {
    super(memory);
    this.#rows = new RowWriter(openTable(memory));
  }

  /** How much memory it has, in bytes: in use, and free to be used again. It never becomes less. */
  get bytes(): number {
    return this.#rows.bytes;
  }

  /**
   * Sees to it that so many new entries have room; takes none.
   *
   * @throws TABLE_FULL if they have not, CONFIG_INVALID for what is no number.
   */
  reserve(count: number): void {
    checked(number({ min: 0 }), count, 'count');
    this.#rows.reserve(count);
  }

  /**
   * Sees to it that there is an entry for each row, with the later of the two expiries and the row's meta. When it
   * returns, every reader sees them.
   *
   * @returns how many of them are new
   * @throws TABLE_FULL at the first row that there is no room for; those before it were put, and nothing is lost.
   * CONFIG_INVALID for what are no rows.
   */
  put(rows: Int32Array, options: PutOptions = {}): number {
    checkRows(rows);
    const { keepMeta } = checked(putShape, options, 'options');
    return this.#rows.put(rows, keepMeta);
  }

  /** Removes the entries of these rows' keys. Returns how many there were. @throws CONFIG_INVALID for what are no rows. */
  remove(rows: Int32Array): number {
    checkRows(rows);
    return this.#rows.remove(rows);
  }

  /** Removes all entries. Returns how many there were. */
  clear(): number {
    return this.#rows.clear();
  }

  /**
   * Removes what has expired, a segment (up to 5,959 entries) a step. Each yields how many they were, and all together
   * return how many. Between two steps the table may be used, and changed, as ever: let the event loop turn there. What a
   * wall clock that is wrongly ahead has removed does not come back when it is corrected.
   *
   * @throws CONFIG_INVALID for what is no number.
   */
  expunge(nowMs: number): Generator<number, number, undefined> {
    checked(anInstant, nowMs, 'nowMs');
    return this.#rows.expunge(expiredBy(nowMs));
  }
}
