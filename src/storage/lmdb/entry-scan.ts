/**
 * Reads entries out of their database as raw bytes: a buffer for each key and each value, and an object for both, cost
 * three times as much as the engine.
 */
import type { PackedPage } from '../port/packed-entries.js';
import { unreadable } from '../port/stored-json.js';
import { isDigest } from '../port/stored-names.js';

/** The head of a value: state and expiry. The key follows, if the id is not the key. */
const HEAD = 12;
/** The longest id, in bytes. */
const LONGEST_ID = 512;

export class EntryScan {
  #page: PackedPage | undefined;
  /** The id of the current entry. */
  readonly #id = Buffer.alloc(LONGEST_ID);
  #idLength = 0;

  /** Encoders for opening the database: its format on disk is that of binary keys and values. */
  readonly encoders = {
    keyEncoder: {
      writeKey: (key: Uint8Array, target: Uint8Array, at: number): number => {
        target.set(key, at);
        return at + key.length;
      },
      readKey: (source: Uint8Array, from: number, end: number): undefined => {
        this.#idLength = end - from;
        for (let at = 0; at < this.#idLength; at++) this.#id[at] = source[from + at]!;
      },
    },
    encoder: {
      encode: (value: Buffer): Buffer => value,
      /** The bytes are reused for the next value once this one has been decoded. */
      decode: (value: Uint8Array, end = value.length): undefined => {
        if (end < HEAD) throw unreadable('An entry in the LMDB database is cut short');
        if (isDigest(this.#id)) this.#page?.add(value, HEAD, end, value);
        else this.#page?.add(this.#id, 0, this.#idLength, value);
      },
    },
  };

  /** Sets the page that the following entries are added to. */
  into(page: PackedPage): void {
    this.#page = page;
  }

  /** The id of the last entry that was read. */
  lastId(): Buffer {
    return Buffer.from(this.#id.subarray(0, this.#idLength));
  }
}
