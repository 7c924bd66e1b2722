/**
 * Many entries in one buffer: a separate object for each, on the way from an engine, costs several times its contents.
 *
 *     expiry, 8 bytes (float) | state, 8 bytes | length of the key, 4 bytes | key
 */
import { unreadable } from './stored-json.js';
import type { StoredEntry } from './store.js';
import { isUtf8, nameText } from './stored-names.js';

const HEAD = 20;

/** A page under construction. */
export class PackedPage {
  #bytes = Buffer.allocUnsafe(2 ** 16);
  #length = 0;
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** Adds an entry: its key as a whole stored name; its state and expiry are the first 12 bytes of `value`. */
  add(key: Uint8Array, keyFrom: number, keyEnd: number, value: Uint8Array): void {
    const keyLength = keyEnd - keyFrom;
    let at = this.#length;
    this.#length += HEAD + keyLength;
    if (this.#length > this.#bytes.length) this.#grow(at);
    const bytes = this.#bytes;
    // Byte by byte, because a view for so few bytes would cost more.
    for (let from = 4; from < 12; from++) bytes[at++] = value[from]!;
    for (let from = 0; from < 4; from++) bytes[at++] = 0;
    for (let from = 0; from < 4; from++) bytes[at++] = value[from]!;
    for (let shift = 24; shift >= 0; shift -= 8) bytes[at++] = keyLength >>> shift;
    for (let from = keyFrom; from < keyEnd; from++) bytes[at++] = key[from]!;
    this.#count += 1;
  }

  /** Returns and removes all entries added. */
  take(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  #grow(used: number): void {
    const bytes = Buffer.allocUnsafe(Math.max(this.#length, this.#bytes.length * 2));
    bytes.set(this.#bytes.subarray(0, used));
    this.#bytes = bytes;
  }
}

/** The entries of a {@link PackedPage}, or of a page from Postgres; null is an empty page. */
export const unpacked = (buffer: Buffer | null): readonly StoredEntry[] => {
  const entries: StoredEntry[] = [];
  if (buffer === null) return entries;
  // By a view, without a buffer for each key: a start reads millions of them.
  const view = new DataView(buffer.buffer, buffer.byteOffset, buffer.length);
  for (let at = 0; at < buffer.length;) {
    const from = at + HEAD;
    const end = from <= buffer.length ? from + view.getUint32(at + 16) : Infinity;
    // A truncated key would be that of another entry.
    if (end > buffer.length) throw unreadable('A page of entries is cut short');
    const key = isUtf8(buffer[from]) ? buffer.toString('utf8', from, end) : nameText(buffer.subarray(from, end));
    entries.push({ key, state: view.getUint32(at + 12), expiresAtMs: view.getFloat64(at) });
    at = end;
  }
  return entries;
};
