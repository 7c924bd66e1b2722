/**
 * Entries in one buffer: an object of its own for each, on the way from an engine, costs several times what is in it.
 *
 *     expiry, 8 bytes (float) | state, 8 bytes | length of the key, 4 bytes | key
 */
import type { StoredEntry } from './store.js';
import { nameText } from './stored-names.js';

const HEAD = 20;

export interface PackableEntry {
  readonly state: number;
  readonly expiresAtMs: number;
  /** Its key as a stored name has it, whole. */
  readonly key: Uint8Array;
}

export const packed = (entries: readonly PackableEntry[]): Buffer => {
  const buffer = Buffer.allocUnsafe(entries.reduce((sum, { key }) => sum + HEAD + key.length, 0));
  let at = 0;
  for (const { key, state, expiresAtMs } of entries) {
    buffer.writeDoubleBE(expiresAtMs, at);
    buffer.writeUInt32BE(0, at + 8);
    buffer.writeUInt32BE(state, at + 12);
    buffer.writeUInt32BE(key.length, at + 16);
    buffer.set(key, at + HEAD);
    at += HEAD + key.length;
  }
  return buffer;
};

/** How many there are, and the key of the last: without a look at the others. */
export const lastOf = (buffer: Buffer): { readonly count: number; readonly key: string } => {
  let [count, at, next] = [0, 0, 0];
  for (; next < buffer.length; count++) {
    at = next;
    next = at + HEAD + buffer.readUInt32BE(at + 16);
  }
  return { count, key: nameText(buffer.subarray(at + HEAD, next)) };
};

/** The entries of {@link packed}, or of a page of Postgres'; null is none. */
export const unpacked = (buffer: Buffer | null): readonly StoredEntry[] => {
  const entries: StoredEntry[] = [];
  for (let at = 0; buffer !== null && at < buffer.length;) {
    const end = at + HEAD + buffer.readUInt32BE(at + 16);
    const key = nameText(buffer.subarray(at + HEAD, end));
    entries.push({ key, state: buffer.readUInt32BE(at + 12), expiresAtMs: buffer.readDoubleBE(at) });
    at = end;
  }
  return entries;
};
