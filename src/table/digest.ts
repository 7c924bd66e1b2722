/**
 * Maps a key to the 96-bit digest under which the table stores it. Keyed with a secret of the table: without it, an
 * attacker can't search for keys that collide, or that crowd one part of the table. No key is ever stored.
 */
import { hash } from 'node:crypto';
import { describeKind, describeValue } from '../core/describe.js';
import { TokenvisorError } from '../core/errors.js';
import { KEY_WORDS } from './layout.js';

/** Key words: for sha256, and before and after the permutation. */
const BEFORE = 4;
const AFTER = 8;

const UUID_LENGTH = 36;
const ROUNDS = 16;

/** Values of lower-case hex digits; a high bit for any other character. */
const NO_DIGIT = 0x80;
const DIGITS = new Uint8Array(256).fill(NO_DIGIT);
for (let value = 0; value < 16; value++) DIGITS[value.toString(16).charCodeAt(0)] = value;

/** The highest domain. Prefixes are cached per domain, so the number of domains must stay small. */
const MAX_DOMAIN = 0xffff;

/** The error for an invalid key, which is not quoted: it may be a token. */
const unusable = (key: unknown, domain: unknown): TokenvisorError => {
  const wrong =
    typeof key === 'string'
      ? `the domain of a key to be a whole number, 0 to ${MAX_DOMAIN}, got ${describeValue(domain)}`
      : `the key of a table to be a string, got ${describeKind(key)}`;
  return new TokenvisorError('CONFIG_INVALID', `Expected ${wrong}`);
};

/** Computes digests, one at a time, without allocating an object for each. */
export class KeyedDigest {
  /** The last digest. */
  d0 = 0;
  d1 = 0;
  d2 = 0;
  readonly #key: Int32Array;
  readonly #secret: string;
  /** The prefix of the keys of each domain. */
  readonly #prefixes: string[] = [];
  // The last uuid that was read.
  #u0 = 0;
  #u1 = 0;
  #u2 = 0;
  #u3 = 0;

  constructor(key: Int32Array) {
    if (key.length !== KEY_WORDS) throw new RangeError(`Expected a key of ${KEY_WORDS} words, got ${key.length}`);
    this.#key = key;
    this.#secret = Buffer.from(key.slice(0, BEFORE).buffer).toString('base64url');
  }

  /**
   * Sets `d0` to `d2`. A domain is a small whole number: equal keys in two domains are different keys.
   *
   * @throws CONFIG_INVALID for an invalid key or domain
   */
  make(key: string, domain: number): void {
    if (typeof key !== 'string' || !Number.isInteger(domain) || domain < 0 || domain > MAX_DOMAIN) {
      throw unusable(key, domain);
    }
    if (domain === 0 && key.length === UUID_LENGTH && this.#readUuid(key)) this.#mix();
    else this.#hash(key, domain);
  }

  #hash(key: string, domain: number): void {
    const prefix = (this.#prefixes[domain] ??= `${this.#secret}${domain}:`);
    // Hashed as UTF-16: in UTF-8, all lone surrogates would get the same bytes.
    const bytes = hash('sha256', isWellFormed(key) ? prefix + key : utf16(prefix, key), 'binary');
    this.d0 = wordAt(bytes, 0);
    this.d1 = wordAt(bytes, 4);
    this.d2 = wordAt(bytes, 8);
  }

  /** Reads a uuid in canonical form (lower case, 8-4-4-4-12); false if the key is not one. */
  #readUuid(key: string): boolean {
    if (key.charCodeAt(8) !== DASH || key.charCodeAt(13) !== DASH) return false;
    if (key.charCodeAt(18) !== DASH || key.charCodeAt(23) !== DASH) return false;
    const high1 = digits4(key, 0);
    const low1 = digits4(key, 4);
    const high2 = digits4(key, 9);
    const low2 = digits4(key, 14);
    const high3 = digits4(key, 19);
    const low3 = digits4(key, 24);
    const high4 = digits4(key, 28);
    const low4 = digits4(key, 32);
    // A character that is not a digit makes it negative.
    if ((high1 | low1 | high2 | low2 | high3 | low3 | high4 | low4) < 0) return false;
    this.#u0 = (high1 << 16) | low1;
    this.#u1 = (high2 << 16) | low2;
    this.#u2 = (high3 << 16) | low3;
    this.#u3 = (high4 << 16) | low4;
    return true;
  }

  /** Even and Mansour's cipher, over the permutation of Chaskey in its long form; 96 bits of it. */
  #mix(): void {
    const key = this.#key;
    let a = this.#u0 ^ key[BEFORE]!;
    let b = this.#u1 ^ key[BEFORE + 1]!;
    let c = this.#u2 ^ key[BEFORE + 2]!;
    let d = this.#u3 ^ key[BEFORE + 3]!;
    for (let round = 0; round < ROUNDS; round++) {
      a = (a + b) | 0;
      b = ((b << 5) | (b >>> 27)) ^ a;
      a = (a << 16) | (a >>> 16);
      c = (c + d) | 0;
      d = ((d << 8) | (d >>> 24)) ^ c;
      a = (a + d) | 0;
      d = ((d << 13) | (d >>> 19)) ^ a;
      c = (c + b) | 0;
      b = ((b << 7) | (b >>> 25)) ^ c;
      c = (c << 16) | (c >>> 16);
    }
    this.d0 = a ^ key[AFTER]!;
    this.d1 = b ^ key[AFTER + 1]!;
    this.d2 = c ^ key[AFTER + 2]!;
  }
}

const DASH = 0x2d;

/** Four hex digits as a number; negative if one is not a digit. */
const digits4 = (key: string, at: number): number => {
  const a = key.charCodeAt(at);
  const b = key.charCodeAt(at + 1);
  const c = key.charCodeAt(at + 2);
  const d = key.charCodeAt(at + 3);
  const high = (DIGITS[a & 0xff]! << 4) | DIGITS[b & 0xff]!;
  const low = (DIGITS[c & 0xff]! << 4) | DIGITS[d & 0xff]!;
  const wrong =
    ((a | b | c | d) & ~0xff) |
    ((high | low) & ~0xff) |
    (DIGITS[b & 0xff]! & NO_DIGIT) |
    (DIGITS[d & 0xff]! & NO_DIGIT);
  return wrong === 0 ? (high << 8) | low : -1;
};

const wordAt = (bytes: string, at: number): number =>
  bytes.charCodeAt(at) |
  (bytes.charCodeAt(at + 1) << 8) |
  (bytes.charCodeAt(at + 2) << 16) |
  (bytes.charCodeAt(at + 3) << 24);

/** In every Node since 20; missing in the TypeScript library used here. */
const isWellFormed = (key: string): boolean => (key as unknown as { isWellFormed(): boolean }).isWellFormed();

/** The key as UTF-16, after a byte that no prefix begins with. */
const utf16 = (prefix: string, key: string): Buffer =>
  Buffer.concat([Buffer.from([0]), Buffer.from(prefix, 'latin1'), Buffer.from(key, 'utf16le')]);
