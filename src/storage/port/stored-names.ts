/**
 * Converts keys and subjects to the form in which the engines keep them: unique, and of bounded length.
 *
 * A name is the string's UTF-8. If the string has a lone surrogate, the name is UTF-16 after 0xFF, a byte that UTF-8
 * does not use. A long string is identified by its SHA-256 after 0xFE, and kept beside it: an index of Postgres or LMDB
 * takes some 2 kB at most.
 */
import { createHash } from 'node:crypto';

const ILL_FORMED = 0xff;
const DIGEST = 0xfe;
const MAX_BYTES = 512;

export interface StoredName {
  /** The identifier: 1 to 512 bytes. */
  readonly id: Buffer;
  /** The whole name, if it is not the id. */
  readonly whole?: Buffer;
}

const isWellFormed = (text: string): boolean => (text as string & { isWellFormed(): boolean }).isWellFormed();

export const storedName = (text: string): StoredName => {
  const whole = isWellFormed(text)
    ? Buffer.from(text, 'utf8')
    : Buffer.concat([Buffer.of(ILL_FORMED), Buffer.from(text, 'utf16le')]);
  // LMDB does not allow an empty key.
  if (whole.length > 0 && whole.length <= MAX_BYTES) return { id: whole };
  return { id: Buffer.concat([Buffer.of(DIGEST), createHash('sha256').update(whole).digest()]), whole };
};

/** True for the digest of a long name, which is kept beside it. */
export const isDigest = (id: Uint8Array): boolean => id[0] === DIGEST;

/** By the first byte: true if the name is the string's UTF-8. */
export const isUtf8 = (first: number | undefined): boolean => first !== undefined && first < DIGEST;

/** The string that {@link storedName} was given. */
export const nameText = (id: Uint8Array, whole?: Uint8Array | null): string => {
  const bytes = whole ?? id;
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return buffer[0] === ILL_FORMED ? buffer.toString('utf16le', 1) : buffer.toString('utf8');
};
