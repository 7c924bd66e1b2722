/** The one writer of a table. */
import { boolean, checked, custom, number, object, optional } from '../config/check.js';
import { expiredBy } from './expiry.js';
import { RowWriter } from './row-writer.js';
import { openTable, type TableMemory } from './table-memory.js';
import { checkRows, TableReader } from './table-reader.js';

/** Options of `put()`. */
export interface PutOptions {
  /** Existing entries keep their meta. @default false */
  readonly keepMeta?: boolean;
}

const anInstant = custom(
  'a number of ms',
  (value): value is number => typeof value === 'number' && !Number.isNaN(value),
);
const putShape = object({ keepMeta: optional(boolean(), false) });

/**
 * Writes a table. There may be only one writer at a time, in any thread: before you make another, the previous one must
 * have ended, at any point of its work.
 */
export class TableWriter extends TableReader {
  readonly #rows: RowWriter;

  /**
   * Adopts the table: completes an interrupted change of the previous writer, and counts the entries; 0.1 s for ten
   * million.
   *
   * @throws LAYOUT_MISMATCH
   */
  constructor(memory: TableMemory) {
    super(memory);
    this.#rows = new RowWriter(openTable(memory));
  }

  /** The size of its memory, in bytes: in use, and free for reuse. It never shrinks. */
  get bytes(): number {
    return this.#rows.bytes;
  }

  /**
   * Checks that this many new entries have room; reserves nothing.
   *
   * @throws TABLE_FULL if there is no room, CONFIG_INVALID if it is not a number.
   */
  reserve(count: number): void {
    checked(number({ min: 0 }), count, 'count');
    this.#rows.reserve(count);
  }

  /**
   * Puts an entry for each row, with the later of the two expiries and the row's meta. Every reader sees them when it
   * returns.
   *
   * @returns how many of them are new
   * @throws TABLE_FULL at the first row without room; those before it were put, and nothing is lost. CONFIG_INVALID for
   *   invalid rows.
   */
  put(rows: Int32Array, options: PutOptions = {}): number {
    checkRows(rows);
    const { keepMeta } = checked(putShape, options, 'options');
    return this.#rows.put(rows, keepMeta);
  }

  /** Removes the entries of these rows' keys. Returns how many existed. @throws CONFIG_INVALID for invalid rows. */
  remove(rows: Int32Array): number {
    checkRows(rows);
    return this.#rows.remove(rows);
  }

  /** Removes all entries. Returns how many there were. */
  clear(): number {
    return this.#rows.clear();
  }

  /**
   * Removes expired entries, a segment (up to 5,959 entries) a step. Each step yields how many it removed; the
   * generator returns the total. Between two steps the table may be read and changed: let the event loop turn there.
   * Entries removed while the wall clock was wrongly ahead do not come back when it is corrected.
   *
   * @throws CONFIG_INVALID if it is not a number.
   */
  expunge(nowMs: number): Generator<number, number, undefined> {
    checked(anInstant, nowMs, 'nowMs');
    return this.#rows.expunge(expiredBy(nowMs));
  }
}
