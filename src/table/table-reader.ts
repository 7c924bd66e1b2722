/** Looks entries up, in any thread, with no lock and no message. */
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

/** What a table has of a key. */
export interface TableEntry {
  /** Ms since the Unix epoch, in whole seconds; `Infinity` for never. */
  readonly expiresAtMs: number;
  /** 32 bits, without a sign. */
  readonly meta: number;
}

/** Growth that a thread has not heard of is heard of at the first retry. */
const MOST_RETRIES = 100;

/** A table, to be read: in any thread that has its memory. Nobody waits for it, and it waits for nobody. */
export class TableReader {
  /** Of the entry that was found last: seconds since the Unix epoch; `NEVER_S` for never. */
  expiryS = 0;
  /** Of the entry that was found last: 32 bits, without a sign. */
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

  /** How many entries there are, expired ones included. */
  get size(): number {
    return this.#ground.words.load(TableWord.SIZE);
  }

  /** The most entries that it takes. */
  get maxEntries(): number {
    return this.#ground.words.load(TableWord.MAX_ENTRIES);
  }

  /** What there is of a key, whatever its expiry. */
  get(key: string, domain = 0): TableEntry | undefined {
    return this.find(key, domain) ? { expiresAtMs: expiryMs(this.expiryS), meta: this.meta } : undefined;
  }

  /** True if there is an entry, whatever its expiry. */
  has(key: string, domain = 0): boolean {
    return this.find(key, domain);
  }

  /** As {@link has}; what was found is in `expiryS` and `meta` then. Allocates nothing. */
  find(key: string, domain = 0): boolean {
    const digest = this.#digest;
    digest.make(key, domain);
    return this.#find(digest.d0, digest.d1, digest.d2);
  }

  /** As {@link find}, by a row's digest. @throws CONFIG_INVALID for a row that `rows` does not have. */
  findRow(rows: Int32Array, index: number): boolean {
    const at = placeOf(rows, index);
    return this.#find(rows[at]!, rows[at + 1]!, rows[at + 2]!);
  }

  /**
   * Makes the row `index` of `rows`, five words each, for the writer to put or remove. To be removed, an entry needs its
   * key and domain alone.
   *
   * @throws CONFIG_INVALID for a row that `rows` does not have, or an expiry or a meta that is no whole number of 32 bits.
   */
  writeRow(rows: Int32Array, index: number, key: string, expiryS: number, meta = 0, domain = 0): void {
    const digest = this.#digest;
    const at = placeOf(rows, index);
    // Ms would be some other second, without a word.
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
    // The loops are the thread's: another reader's next lookup is what they know of then.
    this.meta = this.#loops.meta() >>> 0;
    return true;
  }

  /** The memory has grown, an entry lies in the new part, and this thread has not heard of it yet. */
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

/** @throws CONFIG_INVALID for what are no rows. Something that says it is long would be gone through for hours. */
export const checkRows = (rows: unknown): void => {
  if (!types.isInt32Array(rows)) throw invalid('`rows` to be an Int32Array', describeValue(rows));
};

/** Where a row begins. A word that is not there would not be read, nor written, and nobody would be told. */
const placeOf = (rows: Int32Array, index: number): number => {
  checkRows(rows);
  const at = typeof index === 'number' ? index * ROW_WORDS : -1;
  if (rows[at] !== undefined && rows[at + ROW_WORDS - 1] !== undefined) return at;
  const room = `${rows.length} words of ${ROW_WORDS} for each`;
  throw invalid(`\`rows\` to have the row that is asked for, ${describeValue(index)}`, room);
};

const invalid = (expected: string, came: string): TokenvisorError =>
  new TokenvisorError('CONFIG_INVALID', `Expected ${expected}, got ${came}`);
