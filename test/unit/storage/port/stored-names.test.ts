import { expect, test } from 'vitest';
import fc from 'fast-check';
import { PackedPage, unpacked } from '../../../../src/storage/port/packed-entries.js';
import { nameText, storedName } from '../../../../src/storage/port/stored-names.js';

/** Any string at all: of code units, not of characters. */
const text = fc
  .array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 600 })
  .map((units) => String.fromCharCode(...units));

test('any string has a name of at most 512 bytes, from which it comes back', () => {
  fc.assert(
    fc.property(text, (key) => {
      const { id, whole } = storedName(key);
      expect(id.length).toBeGreaterThan(0);
      expect(id.length).toBeLessThanOrEqual(512);
      expect(nameText(id, whole)).toBe(key);
    }),
  );
});

test('two strings have two names', () => {
  fc.assert(
    fc.property(text, text, (a, b) => {
      expect(storedName(a).id.equals(storedName(b).id)).toBe(a === b);
    }),
  );
  // What would be the same in UTF-8.
  expect(storedName('\ud800').id.equals(storedName('\ufffd').id)).toBe(false);
});

test('packed entries come back', () => {
  const entry = fc.record({
    key: text,
    state: fc.integer({ min: 0, max: 0xffffffff }),
    expiresAtMs: fc.oneof(fc.double({ noNaN: true }), fc.constant(Infinity)),
  });
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 20 }), (entries) => {
      const page = new PackedPage();
      for (const { key, state, expiresAtMs } of entries) {
        const { id, whole = id } = storedName(key);
        const head = Buffer.alloc(12);
        head.writeUInt32BE(state, 0);
        head.writeDoubleBE(expiresAtMs, 4);
        // Bytes around it are none of it.
        page.add(Buffer.concat([head, whole, head]), 12, 12 + whole.length, head);
      }
      expect(page.count).toBe(entries.length);
      expect(unpacked(page.take())).toEqual(entries);
    }),
  );
  expect(unpacked(null)).toEqual([]);
});

test('a page grows as it must', () => {
  const page = new PackedPage();
  const keys = Array.from({ length: 5_000 }, (_, index) => `${index}`.repeat(index % 30));
  for (const key of keys) page.add(Buffer.from(key), 0, key.length, Buffer.alloc(12));
  expect(unpacked(page.take()).map(({ key }) => key)).toEqual(keys);
});
