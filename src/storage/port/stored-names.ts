/**
 * Keys and subjects as the engines keep them: any string, at a bounded length, and each with a name of its own.
 *
 * A name is the string's UTF-8. It begins with 0xFF, which no UTF-8 does, if the string has half a surrogate pair, and
 * is UTF-16 then. What is long is known by its SHA-256 behind 0xFE, and kept beside it: an index of Postgres' or LMDB's takes
 * some 2 kB at most.
 */
import { createHash } from 'node:crypto';

const ILL_FORMED = 0xff;
const DIGEST = 0xfe;
const MAX_BYTES = 512;

export interface StoredName {
  /** What it is found by: 1 to 512 bytes. */
  readonly id: Buffer;
  /** All of it, if that is not the id. */
  readonly whole?: Buffer;
}

const isWellFormed = (text: string): boolean => (text as string & { isWellFormed(): boolean }).isWellFormed();

export const storedName = (text: string): StoredName => {
  const whole = isWellFormed(text)
    ? Buffer.from(text, 'utf8')
    : Buffer.concat([Buffer.of(ILL_FORMED), Buffer.from(text, 'utf16le')]);
  // An empty one would be no key of LMDB's.
  if (whole.length > 0 && whole.length <= MAX_BYTES) return { id: whole };
  return { id: Buffer.concat([Buffer.of(DIGEST), createHash('sha256').update(whole).digest()]), whole };
};

/** True for an id that the whole is kept beside. */
export const isDigest = (id: Uint8Array): boolean => id[0] === DIGEST;

/** By its first byte: a string that is whole, as UTF-8. */
export const isUtf8 = (first: number | undefined): boolean => first !== undefined && first < DIGEST;

/** The string that {@link storedName} was given. */
export const nameText = (id: Uint8Array, whole?: Uint8Array | null): string => {
  const bytes = whole ?? id;
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return buffer[0] === ILL_FORMED ? buffer.toString('utf16le', 1) : buffer.toString('utf8');
};
