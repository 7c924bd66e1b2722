import { randomFillSync, randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { KeyedDigest } from '../../../src/table/digest.js';
import { KEY_WORDS } from '../../../src/table/layout.js';

const fresh = (): KeyedDigest => new KeyedDigest(randomFillSync(new Int32Array(KEY_WORDS)));
const fixed = (): KeyedDigest => new KeyedDigest(Int32Array.from({ length: KEY_WORDS }, (_, index) => index + 1));

const of = (digest: KeyedDigest, key: string, domain = 0): string => {
  digest.make(key, domain);
  return [digest.d0, digest.d1, digest.d2].join();
};

const UUID = '01234567-89ab-cdef-0123-456789abcdef';

describe('a digest', () => {
  it('is the same for the same key, key of the table and domain', () => {
    for (const key of ['', 'a', 'token', UUID, 'ä€😀', 'x'.repeat(10_000)]) {
      expect(of(fixed(), key)).toBe(of(fixed(), key));
    }
  });

  it('is another one under the key of another table', () => {
    for (const key of ['', 'a', UUID]) expect(of(fresh(), key)).not.toBe(of(fresh(), key));
  });

  it('depends on every word of the key', () => {
    const before = fixed();
    for (let word = 0; word < KEY_WORDS; word++) {
      const key = Int32Array.from({ length: KEY_WORDS }, (_, index) => (index === word ? -7 : index + 1));
      const digest = new KeyedDigest(key);
      const same = [of(digest, 'a') === of(before, 'a'), of(digest, UUID) === of(before, UUID)];
      // The first four are for sha256, the next for what goes into the permutation, the last for what comes out; three of them.
      expect(same, `word ${word}`).toEqual(word < 4 ? [false, true] : word < 11 ? [true, false] : [true, true]);
    }
  });

  it('is another one in another domain, also for a uuid', () => {
    const digest = fresh();
    for (const key of ['', '1', 'a', UUID]) {
      expect(new Set([0, 1, 2, 11].map((domain) => of(digest, key, domain))).size).toBe(4);
    }
    // No key of one domain can be written as another key of another.
    expect(of(digest, '1:a', 1)).not.toBe(of(digest, 'a', 11));
    expect(of(digest, ':a', 1)).not.toBe(of(digest, 'a', 1));
  });

  it('tells keys apart that differ in anything, case and halves of surrogate pairs included', () => {
    const digest = fresh();
    const keys = [
      UUID,
      UUID.toUpperCase(),
      UUID.replaceAll('-', ''),
      `${UUID} `,
      `{${UUID}}`,
      UUID.replace('0', 'g'),
      UUID.replace('0', '\u0130'),
      UUID.replace('a', '\u0161'),
      UUID.replace('-', '0'),
      '\ud800',
      '\ud801',
      '\udc00',
      '\ufffd',
      'a\ud800',
      '',
      '\0',
    ];
    expect(new Set(keys.map((key) => of(digest, key))).size).toBe(keys.length);
  });

  it('of a uuid changes in half of its bits with every bit of the uuid', () => {
    const digest = fresh();
    const changed: number[] = [];
    for (let bit = 0; bit < 128; bit++) {
      const uuid = randomUUID();
      const hex = uuid.replaceAll('-', '');
      const other = (BigInt(`0x${hex}`) ^ (1n << BigInt(bit))).toString(16).padStart(32, '0');
      digest.make(uuid, 0);
      const before = [digest.d0, digest.d1, digest.d2];
      digest.make(other.replace(/(.{8})(.{4})(.{4})(.{4})(.{12})/, '$1-$2-$3-$4-$5'), 0);
      const after = [digest.d0, digest.d1, digest.d2];
      const words = before.map((word, index) => (word ^ after[index]!) >>> 0);
      changed.push(
        words
          .map((word) => word.toString(2))
          .join('')
          .replaceAll('0', '').length,
      );
    }
    // 48 on average; the deviation of one is 4.9.
    expect(Math.min(...changed)).toBeGreaterThan(16);
    expect(Math.max(...changed)).toBeLessThan(80);
    const mean = changed.reduce((sum, bits) => sum + bits, 0) / changed.length;
    expect(mean).toBeGreaterThan(45);
    expect(mean).toBeLessThan(51);
  });

  it('needs a whole key', () => {
    expect(() => new KeyedDigest(new Int32Array(4))).toThrow('Expected a key of 12 words, got 4');
  });
});
