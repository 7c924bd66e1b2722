/** Looks entries up, in any thread, without a lock or a message. */
import { types } from 'node:util';
import { describeValue } from '../core/describe.js';
import { TokenvisorError } from '../core/errors.js';
import { KeyedDigest } from './digest.js';
import { expiryMs } from './expiry.js';
import { KEY_WORDS, ROW_WORDS, TableWord } from './layout.js';
import type { TableLoops } from './table-loops.js';
import { openTable, type TableMemory } from './table-memory.js';
import type { TableGround } from './ground.js';
import { WasmApi } from './web-assembly.js';

/** An entry of a table. */
export interface TableEntry {
  /** Ms since the Unix epoch, in whole seconds; `Infinity` for never. */
  readonly expiresAtMs: number;
  /** An unsigned 32-bit integer. */
  readonly meta: number;
}

/** A thread notices growth of the memory at the first retry. */
const MOST_RETRIES = 100;

/** Reads a table, in any thread that has its memory. Lock-free: readers never wait, and never delay the writer. */
export class TableReader {
  /** The expiry of the entry that was found last: seconds since the Unix epoch; `NEVER_S` for never. */
  expiryS = 0;
  /** The meta of the entry that was found last: an unsigned 32-bit integer. */
  meta = 0;
  readonly #ground: TableGround;
  readonly #loops: TableLoops;
  readonly #digest: KeyedDigest;

  /** @throws LAYOUT_MISMATCH */
  constructor(memory: TableMemory) {
    this.#ground = openTable(memory);
    this.#loops = this.#ground.loops;
    this.#ground.catchUp();
    const { words } = this.#ground;
    this.#digest = new KeyedDigest(Int32Array.from({ length: KEY_WORDS }, (_, at) => words.load(TableWord.KEY + at)));
  }

  /** The number of entries, including expired ones. */
  get size(): number {
    return this.#ground.words.load(TableWord.SIZE);
  }

  /** The most entries that it takes. */
  get maxEntries(): number {
    return this.#ground.words.load(TableWord.MAX_ENTRIES);
  }

  /** The entry of a key, whatever its expiry. */
  get(key: string, domain = 0): TableEntry | undefined {
    return this.find(key, domain) ? { expiresAtMs: expiryMs(this.expiryS), meta: this.meta } : undefined;
  }

  /** True if there is an entry, whatever its expiry. */
  has(key: string, domain = 0): boolean {
    return this.find(key, domain);
  }

  /** As {@link has}, and sets `expiryS` and `meta`. Allocates nothing. */
  find(key: string, domain = 0): boolean {
    const digest = this.#digest;
    digest.make(key, domain);
    return this.#find(digest.d0, digest.d1, digest.d2);
  }

  /** As {@link find}, by a row's digest. @throws CONFIG_INVALID for a row outside `rows`. */
  findRow(rows: Int32Array, index: number): boolean {
    const at = placeOf(rows, index);
    return this.#find(rows[at]!, rows[at + 1]!, rows[at + 2]!);
  }

  /**
   * Writes the row `index` of `rows`, five words each, for the writer to put or remove. To remove an entry, its key and
   * domain are enough.
   *
   * @throws CONFIG_INVALID for a row outside `rows`, or an expiry or a meta that is not a whole number of 32 bits.
   */
  writeRow(rows: Int32Array, index: number, key: string, expiryS: number, meta = 0, domain = 0): void {
    const digest = this.#digest;
    const at = placeOf(rows, index);
    // An expiry in ms would silently become another second.
    if (typeof expiryS !== 'number' || expiryS >>> 0 !== expiryS)
      throw invalid('`expiryS` to be whole seconds, 0 to 2^32 - 1', describeValue(expiryS));
    if (typeof meta !== 'number' || (meta >>> 0 !== meta && (meta | 0) !== meta)) {
      throw invalid('`meta` to be a whole number of 32 bits', describeValue(meta));
    }
    digest.make(key, domain);
    rows[at] = digest.d0;
    rows[at + 1] = digest.d1;
    rows[at + 2] = digest.d2;
    rows[at + 3] = expiryS;
    rows[at + 4] = meta;
  }

  #find(d0: number, d1: number, d2: number): boolean {
    let expiry;
    try {
      expiry = this.#loops.find(d0, d1, d2);
    } catch (error) {
      expiry = this.#findAgain(error, d0, d1, d2);
    }
    if (expiry === 0) return false;
    this.expiryS = expiry >>> 0;
    // The loops are shared by this thread's readers: the next lookup of another reader changes their result.
    this.meta = this.#loops.meta() >>> 0;
    return true;
  }

  /** The memory has grown, an entry is in the new part, and this thread has not noticed the growth yet. */
  #findAgain(first: unknown, d0: number, d1: number, d2: number): number {
    let error = first;
    for (let retry = 0; retry < MOST_RETRIES; retry++) {
      if (!(error instanceof WasmApi.RuntimeError)) throw error;
      this.#ground.catchUp();
      try {
        return this.#loops.find(d0, d1, d2);
      } catch (again) {
        error = again;
      }
    }
    const message = 'Expected the memory of a table, got memory that was overwritten. Use one version in all threads';
    throw new TokenvisorError('LAYOUT_MISMATCH', message, { cause: error });
  }
}

/** @throws CONFIG_INVALID if it is not an Int32Array: an object with a fake length would be walked for hours. */
export const checkRows = (rows: unknown): void => {
  if (!types.isInt32Array(rows)) throw invalid('`rows` to be an Int32Array', describeValue(rows));
};

/** The index of a row's first word. Words beyond the end would silently be neither read nor written. */
const placeOf = (rows: Int32Array, index: number): number => {
  checkRows(rows);
  const at = typeof index === 'number' ? index * ROW_WORDS : -1;
  if (rows[at] !== undefined && rows[at + ROW_WORDS - 1] !== undefined) return at;
  const room = `${rows.length} words of ${ROW_WORDS} for each`;
  throw invalid(`\`rows\` to have the requested row, ${describeValue(index)}`, room);
};

const invalid = (expected: string, came: string): TokenvisorError =>
  new TokenvisorError('CONFIG_INVALID', `Expected ${expected}, got ${came}`);
