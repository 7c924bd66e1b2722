/**
 * Takes entries out of their database as their bytes lie there: a buffer for each key and each value, and an object for both,
 * cost three times what the engine does.
 */
import type { PackedPage } from '../port/packed-entries.js';
import { unreadable } from '../port/stored-json.js';
import { isDigest } from '../port/stored-names.js';

/** Of a value: state and expiry. What follows is the key, if the id is not it. */
const HEAD = 12;
/** An id has 512 bytes at most. */
const LONGEST_ID = 512;

export class EntryScan {
  #page: PackedPage | undefined;
  /** Of the entry that the cursor is at. */
  readonly #id = Buffer.alloc(LONGEST_ID);
  #idLength = 0;

  /** What the database is opened with: its form on the disk is that of binary keys and values. */
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
      /** The bytes are of the next value as soon as this one was told. */
      decode: (value: Uint8Array, end = value.length): undefined => {
        if (end < HEAD) throw unreadable('An entry in the LMDB database is cut short');
        if (isDigest(this.#id)) this.#page?.add(value, HEAD, end, value);
        else this.#page?.add(this.#id, 0, this.#idLength, value);
      },
    },
  };

  /** From now on, what passes goes there. */
  into(page: PackedPage): void {
    this.#page = page;
  }

  /** Of the entry that has passed last. */
  lastId(): Buffer {
    return Buffer.from(this.#id.subarray(0, this.#idLength));
  }
}
