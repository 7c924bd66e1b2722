import { expect, test } from 'vitest';
import fc from 'fast-check';
import { lastOf, packed, unpacked } from '../../../src/storage/packed-entries.js';
import { nameText, storedName } from '../../../src/storage/stored-names.js';

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
      const names = entries.map((one) => ({ ...one, name: storedName(one.key) }));
      const bytes = packed(names.map(({ name, ...one }) => ({ ...one, key: name.whole ?? name.id })));
      expect(unpacked(bytes)).toEqual(entries);
      if (entries.length > 0) expect(lastOf(bytes)).toEqual({ count: entries.length, key: entries.at(-1)?.key });
    }),
  );
  expect(unpacked(null)).toEqual([]);
});
