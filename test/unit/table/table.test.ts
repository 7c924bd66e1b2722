import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { NEVER_S } from '../../../src/table/expiry.js';
import { ROW_WORDS } from '../../../src/table/layout.js';
import { allocateTable, type TableMemory } from '../../../src/table/table-memory.js';
import { TableReader } from '../../../src/table/table-reader.js';
import { TableWriter } from '../../../src/table/table-writer.js';

type Row = readonly [key: string, expiryS?: number, meta?: number, domain?: number];

const rowsFor = (reader: TableReader, ...rows: readonly Row[]): Int32Array => {
  const words = new Int32Array(rows.length * ROW_WORDS);
  rows.forEach(([key, expiryS = 100, meta = 0, domain = 0], index) => {
    reader.writeRow(words, index, key, expiryS, meta, domain);
  });
  return words;
};

const keysFrom = (first: number, count: number): string[] =>
  Array.from({ length: count }, (_, index) => `key ${first + index}`);

const fresh = (maxEntries = 100_000): { memory: TableMemory; writer: TableWriter; reader: TableReader } => {
  const memory = allocateTable({ maxEntries });
  return { memory, writer: new TableWriter(memory), reader: new TableReader(memory) };
};

const expunged = (writer: TableWriter, nowMs: number): number => {
  const steps = writer.expunge(nowMs);
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
  }
};

const codeOf = (run: () => void): unknown => {
  try {
    run();
  } catch (error) {
    return (error as { code: unknown }).code;
  }
  return undefined;
};

describe('regressions: a reader', () => {
  it('had the meta of what another reader of its thread found last', () => {
    const { memory, writer, reader } = fresh();
    writer.put(rowsFor(writer, ['a', 100, 1], ['b', 200, 2]));
    const other = new TableReader(memory);
    expect([reader.find('a'), other.find('b'), other.find('none')]).toEqual([true, true, false]);
    expect([reader.expiryS, reader.meta, other.expiryS, other.meta]).toEqual([100, 1, 200, 2]);
    expect(writer.findRow(rowsFor(writer, ['b']), 0)).toBe(true);
    expect([reader.meta, writer.meta]).toEqual([1, 2]);
  });
});

describe('regressions: a row', () => {
  it.each([
    ['past the end of its rows was not written', [1, 'a', 9]],
    ['before their beginning was not written', [-1, 'a', 9]],
    ['at no whole number was not written', [0.5, 'a', 9]],
    ['with an expiry in ms got that of some other second', [0, 'a', 1_795_339_284_372]],
    ['with an expiry of part of a second was rounded', [0, 'a', 1.5]],
    ['with an expiry that is no number never lived', [0, 'a', NaN]],
    ['with a meta of more than 32 bits lost some of it', [0, 'a', 9, 2 ** 32]],
    ['with a meta that is no number got 0', [0, 'a', 9, '7']],
  ] as const)('%s', (_what, [index, key, expiryS, meta]) => {
    const { reader } = fresh();
    const rows = new Int32Array(ROW_WORDS);
    expect(codeOf(() => reader.writeRow(rows, index, key, expiryS, meta as number))).toBe('CONFIG_INVALID');
    expect([...rows]).toEqual([0, 0, 0, 0, 0]);
  });
});

describe('a reader', () => {
  it('finds nothing in a table that no writer has opened', () => {
    const reader = new TableReader(allocateTable());
    expect([reader.has('a'), reader.get(randomUUID()), reader.size]).toEqual([false, undefined, 0]);
  });

  it('finds what was put, whatever its expiry', () => {
    const { writer, reader } = fresh();
    const uuid = randomUUID();
    writer.put(rowsFor(reader, ['a', 5, 7], [uuid, NEVER_S, 0xffff_ffff], ['', 3_000_000_000]));
    expect(reader.get('a')).toEqual({ expiresAtMs: 5_000, meta: 7 });
    expect(reader.get(uuid)).toEqual({ expiresAtMs: Infinity, meta: 0xffff_ffff });
    expect(reader.get('')).toEqual({ expiresAtMs: 3e12, meta: 0 });
    expect([reader.has('a'), reader.has('b'), reader.size]).toEqual([true, false, 3]);
  });

  it('tells what it found last in its fields', () => {
    const { writer, reader } = fresh();
    writer.put(rowsFor(reader, ['a', 5, 7], ['b', NEVER_S, 0xffff_ffff]));
    expect(reader.find('b')).toBe(true);
    expect([reader.expiryS, reader.meta]).toEqual([NEVER_S, 0xffff_ffff]);
    expect(reader.find('a')).toBe(true);
    expect([reader.expiryS, reader.meta]).toEqual([5, 7]);
    expect(reader.findRow(rowsFor(reader, ['c'], ['b']), 0)).toBe(false);
    expect(reader.findRow(rowsFor(reader, ['c'], ['b']), 1)).toBe(true);
    expect(reader.expiryS).toBe(NEVER_S);
  });

  it('keeps the domains apart', () => {
    const { writer, reader } = fresh();
    writer.put(rowsFor(reader, ['a', 5, 1, 0], ['a', 6, 2, 1]));
    expect([reader.get('a')?.meta, reader.get('a', 1)?.meta, reader.has('a', 2)]).toEqual([1, 2, false]);
    writer.remove(rowsFor(reader, ['a', 0, 0, 1]));
    expect([reader.has('a'), reader.has('a', 1)]).toEqual([true, false]);
  });
});

describe('put', () => {
  it('says how many are new, and keeps the later expiry, by numbers without a sign', () => {
    const { writer, reader } = fresh();
    expect(writer.put(rowsFor(reader, ['a', 100], ['b', 100], ['a', 200]))).toBe(2);
    expect(writer.put(rowsFor(reader, ['a', 150], ['b', 3_000_000_000], ['c']))).toBe(1);
    expect(writer.put(rowsFor(reader, ['b', 100]))).toBe(0);
    expect(['a', 'b'].map((key) => reader.get(key)?.expiresAtMs)).toEqual([200_000, 3e12]);
    expect([writer.size, reader.size]).toEqual([3, 3]);
    writer.put(rowsFor(reader, ['b', NEVER_S]));
    writer.put(rowsFor(reader, ['b', NEVER_S - 1]));
    expect(reader.get('b')?.expiresAtMs).toBe(Infinity);
  });

  it('replaces the meta, or keeps it', () => {
    const { writer, reader } = fresh();
    writer.put(rowsFor(reader, ['a', 100, 1], ['b', 100, 1]));
    expect(writer.put(rowsFor(reader, ['a', 50, 2]))).toBe(0);
    expect(reader.get('a')).toEqual({ expiresAtMs: 100_000, meta: 2 });
    writer.put(rowsFor(reader, ['b', 200, 2]), { keepMeta: true });
    expect(reader.get('b')).toEqual({ expiresAtMs: 200_000, meta: 1 });
    expect(writer.size).toBe(2);
  });

  it('changes the meta of one entry as often as it likes, in the same memory', () => {
    const { writer, reader } = fresh();
    writer.put(rowsFor(reader, ['other', 100, 5]));
    for (let meta = 0; meta < 30_000; meta++) writer.put(rowsFor(reader, ['a', 100, meta]));
    expect(reader.get('a')?.meta).toBe(29_999);
    expect(reader.get('other')?.meta).toBe(5);
    expect(writer.size).toBe(2);
    expect(writer.bytes).toBeLessThan(700_000);
    writer.remove(rowsFor(reader, ['a']));
    expect(reader.has('a')).toBe(false);
  });

  it('takes as many as the bound says, and tells how far it came', () => {
    const { memory, writer, reader } = fresh(10);
    writer.put(rowsFor(reader, ...keysFrom(0, 8).map((key): Row => [key])));
    expect(() => writer.reserve(2)).not.toThrow();
    expect(() => writer.reserve(3)).toThrow('Expected room for 3 more entries, got room for 2 of 10. Expunge');
    const rows = rowsFor(reader, ['x'], ['key 3', 900], ['y'], ['z'], ['key 4', 900]);
    expect(() => writer.put(rows)).toThrow(
      'room for all of 5 rows, got it for the first 3, which were put: the table has 10',
    );
    expect(codeOf(() => writer.put(rows))).toBe('TABLE_FULL');
    expect(codeOf(() => writer.reserve(1))).toBe('TABLE_FULL');
    expect([...keysFrom(0, 8), 'x', 'y', 'z'].filter((key) => !reader.has(key))).toEqual(['z']);
    expect([writer.size, reader.size]).toEqual([10, 10]);
    expect(reader.get('key 3')?.expiresAtMs).toBe(900_000);
    // What is there can still be changed.
    expect(writer.put(rowsFor(reader, ['x', 901, 5], ['key 4', 950]))).toBe(0);
    expect(reader.get('x')).toEqual({ expiresAtMs: 901_000, meta: 5 });
    expect(new TableWriter(memory).size).toBe(10);
    // And there is room again when something has gone.
    expect(expunged(writer, 100_000)).toBe(7);
    expect(writer.put(rowsFor(reader, ['z']))).toBe(1);
  });
});

describe('remove and clear', () => {
  it('say how many there were', () => {
    const { writer, reader } = fresh();
    writer.put(rowsFor(reader, ['a'], ['b'], ['c']));
    expect(writer.remove(rowsFor(reader, ['a'], ['x'], ['a'], ['c']))).toBe(2);
    expect(['a', 'b', 'c'].map((key) => reader.has(key))).toEqual([false, true, false]);
    expect(writer.put(rowsFor(reader, ['a', 5, 9]))).toBe(1);
    expect(reader.get('a')).toEqual({ expiresAtMs: 5_000, meta: 9 });
    expect([writer.clear(), writer.clear(), reader.size, reader.has('b')]).toEqual([2, 0, 0, false]);
  });

  it('leave a table that can be used again, in the same memory', () => {
    const { writer, reader } = fresh();
    const rows = rowsFor(reader, ...keysFrom(0, 30_000).map((key): Row => [key]));
    writer.put(rows);
    const { bytes } = writer;
    for (let turn = 0; turn < 5; turn++) {
      expect(turn % 2 === 0 ? writer.clear() : writer.remove(rows)).toBe(30_000);
      expect(writer.put(rows)).toBe(30_000);
    }
    expect(keysFrom(0, 30_000).every((key) => reader.has(key))).toBe(true);
    expect(writer.bytes).toBeLessThanOrEqual(bytes * 1.2);
  });
});

describe('expunge', () => {
  it('removes what has expired, a bounded part a step', () => {
    const { writer, reader } = fresh();
    const row = (key: string, index: number): Row => [key, index % 2 === 0 ? 100 : 101 + index, index];
    writer.put(rowsFor(reader, ...keysFrom(0, 30_000).map(row)));
    const steps = [...writer.expunge(100_999)];
    expect(steps.reduce((sum, removed) => sum + removed, 0)).toBe(15_000);
    expect(Math.max(...steps)).toBeLessThan(5_000);
    expect(steps.length).toBeGreaterThan(6);
    const wrong = keysFrom(0, 30_000).filter((key, index) => {
      const entry = reader.get(key);
      return index % 2 === 0 ? entry : entry?.expiresAtMs !== (101 + index) * 1_000 || entry.meta !== index;
    });
    expect(wrong).toEqual([]);
    expect([reader.size, expunged(writer, 100_999), expunged(writer, 0)]).toEqual([15_000, 0, 0]);
  });

  it('goes on over what comes and goes between its steps', () => {
    const { writer, reader } = fresh();
    writer.put(rowsFor(reader, ...keysFrom(0, 20_000).map((key, index): Row => [key, index % 2 === 0 ? 100 : 200])));
    let next = 20_000;
    let sum = 0;
    for (const removed of writer.expunge(100_000)) {
      sum += removed;
      writer.put(rowsFor(reader, ...keysFrom(next, 5_000).map((key): Row => [key, 200])));
      next += 5_000;
      if (next > 90_000) break;
    }
    expect(sum).toBeLessThanOrEqual(10_000);
    expunged(writer, 100_000);
    expect(writer.size).toBe(next - 10_000);
    expect(keysFrom(0, next).filter((key, index) => reader.has(key) === (index < 20_000 && index % 2 === 0))).toEqual(
      [],
    );
    writer.expunge(200_000).next();
    const steps = writer.expunge(200_000);
    steps.next();
    writer.clear();
    // One segment has all digests now.
    expect([...steps]).toEqual([0]);
  });

  it('keeps what never expires', () => {
    const { writer, reader } = fresh();
    writer.put(rowsFor(reader, ['a', NEVER_S], ['b', NEVER_S - 1]));
    expect(expunged(writer, Infinity)).toBe(1);
    expect(reader.has('a')).toBe(true);
  });

  it('lets a table whose entries come and go stay as large as it is', () => {
    const { writer, reader } = fresh();
    const live = 20_000;
    let first = 0;
    let bytes = 0;
    for (let turn = 0; turn < 30; turn++) {
      const rows = keysFrom(first, live / 2).map((key): Row => [key, turn + 2]);
      expect(writer.put(rowsFor(reader, ...rows))).toBe(live / 2);
      expunged(writer, turn * 1_000);
      first += live / 2;
      if (turn === 5) ({ bytes } = writer);
    }
    expect(writer.size).toBeLessThanOrEqual(1.5 * live);
    expect(writer.bytes).toBeLessThanOrEqual(bytes * 1.1);
  });
});

describe('a writer', () => {
  it('adopts what another has left', () => {
    const { memory, writer, reader } = fresh();
    writer.put(rowsFor(reader, ...keysFrom(0, 30_000).map((key, index): Row => [key, 100 + index, index])));
    writer.remove(rowsFor(reader, ...keysFrom(0, 1_000).map((key): Row => [key])));
    const second = new TableWriter(memory);
    expect([second.size, second.bytes]).toEqual([29_000, writer.bytes]);
    expect(second.put(rowsFor(reader, ...keysFrom(0, 30_000).map((key, index): Row => [key, 100, index])))).toBe(1_000);
    expect(second.put(rowsFor(reader, ...keysFrom(30_000, 30_000).map((key): Row => [key])))).toBe(30_000);
    expect(keysFrom(0, 60_000).filter((key) => !reader.has(key))).toEqual([]);
    expect(second.remove(rowsFor(reader, ...keysFrom(0, 60_000).map((key): Row => [key])))).toBe(60_000);
    expect(new TableWriter(memory).size).toBe(0);
  });

  it('keeps a million right', { timeout: 30_000 }, () => {
    const { writer, reader } = fresh(1_000_000);
    const count = 1_000_000;
    const batch = new Int32Array(1_000 * ROW_WORDS);
    const uuid = (index: number): string => `00000000-0000-4000-8000-${index.toString(16).padStart(12, '0')}`;
    for (let first = 0; first < count; first += 1_000) {
      for (let index = 0; index < 1_000; index++)
        reader.writeRow(batch, index, uuid(first + index), first + 1, first + index);
      writer.put(batch);
    }
    let wrong = 0;
    for (let index = 0; index < count; index++) {
      if (!reader.find(uuid(index)) || reader.meta !== index) wrong += 1;
      if (index % 10 === 0 && reader.find(uuid(index + count))) wrong += 1;
    }
    expect([wrong, reader.size]).toEqual([0, count]);
    expect(writer.bytes / count).toBeLessThan(54);
    expect(expunged(writer, 500_000_000)).toBe(500_000);
    expect([reader.has(uuid(499_999)), reader.has(uuid(500_000)), reader.size]).toEqual([false, true, 500_000]);
  });
});

describe('chosen keys', () => {
  /** How many of a table's buckets have 0, 1, 2 … of the keys, against what chance makes of it. */
  const chiSquare = (keys: readonly string[], buckets: number): number => {
    const reader = new TableReader(allocateTable());
    const counts = new Int32Array(buckets);
    const rows = new Int32Array(ROW_WORDS);
    for (const key of keys) {
      reader.writeRow(rows, 0, key, 0);
      // As the table does: the segment by the first bits, the bucket by the last of the second word.
      const place = (rows[0]! >>> 26) * 2_048 + (rows[1]! & 2_047);
      counts[place % buckets]! += 1;
    }
    const mean = keys.length / buckets;
    return counts.reduce((sum, count) => sum + (count - mean) ** 2 / mean, 0) / buckets;
  };

  const BUCKETS = 4_096;
  const COUNT = 40_960;
  const hex = (index: number, digits: number): string => index.toString(16).padStart(digits, '0');

  it.each<[string, (index: number) => string]>([
    ['uuids in a row', (index) => `00000000-0000-0000-0000-${hex(index, 12)}`],
    ['uuids that differ in their first digits alone', (index) => `${hex(index, 8)}-0000-4000-8000-000000000000`],
    [
      'uuids of one millisecond',
      (index) => `01890a5d-ac96-774b-${hex(0x8000 + (index >>> 8), 4)}-${hex(index & 255, 12)}`,
    ],
    ['numbers', String],
    ['strings that begin alike', (index) => `${'x'.repeat(200)}${index}`],
    ['strings that end alike', (index) => `${index}${'x'.repeat(200)}`],
  ])('are spread evenly: %s', (_, keyOf) => {
    const spread = chiSquare(
      Array.from({ length: COUNT }, (_each, index) => keyOf(index)),
      BUCKETS,
    );
    // 1 on average, with a deviation of 0.022.
    expect(spread).toBeGreaterThan(0.87);
    expect(spread).toBeLessThan(1.13);
  });

  it.each(['uuids', 'strings'])('that collide in one table are spread evenly in another: %s', (kind) => {
    const known = new TableReader(allocateTable());
    const rows = new Int32Array(ROW_WORDS);
    const colliding: string[] = [];
    for (let index = 0; colliding.length < 400; index++) {
      const key = kind === 'uuids' ? `00000000-0000-0000-0000-${hex(index, 12)}` : `key ${index}`;
      known.writeRow(rows, 0, key, 0);
      if ((rows[1]! & 0xff) === 7) colliding.push(key);
    }
    const other = new TableReader(allocateTable());
    const buckets = new Set<number>();
    for (const key of colliding) {
      other.writeRow(rows, 0, key, 0);
      buckets.add(rows[1]! & 0xff);
    }
    // Of 256 buckets, 400 keys at random leave some 53 empty.
    expect(buckets.size).toBeGreaterThan(170);
  });
});
