import { describe, expect, test } from 'vitest';
import { State } from '../../../../src/kinds/ledger/ledger-entry.js';
import { Domain, isStored, LedgerTable, nextEra } from '../../../../src/kinds/ledger/ledger-table.js';
import { allocateTable, type TableMemory } from '../../../../src/table/table-memory.js';
import { TableReader } from '../../../../src/table/table-reader.js';
import { TableWriter } from '../../../../src/table/table-writer.js';

const UUID = '123e4567-e89b-42d3-a456-426614174000';

const tableOf = (memory: TableMemory, { era = 0, requireStored = true, cutoffs = true } = {}): LedgerTable =>
  new LedgerTable({ writer: new TableWriter(memory), era, requireStored, cutoffs });

const entry = (key: string, state: number, expiresAtMs = 5_000) => ({ key, state, expiresAtMs });

describe('what readers find', () => {
  test('is what was put, under the token and under the subject', () => {
    const memory = allocateTable({ maxEntries: 100 });
    const table = tableOf(memory);
    expect(table.merge(entry(`t:${UUID}`, State.REVOKED))).toBe(true);
    expect(table.merge(entry('s:ann', 77))).toBe(true);
    const reader = new TableReader(memory);
    expect(reader.get(UUID, Domain.TOKEN)).toEqual({ meta: State.REVOKED, expiresAtMs: 5_000 });
    expect(reader.get('ann', Domain.SUBJECT)).toEqual({ meta: 77, expiresAtMs: 5_000 });
    expect(reader.has('ann', Domain.TOKEN)).toBe(false);
  });

  test('is nothing of what they do not look for', () => {
    const table = tableOf(allocateTable({ maxEntries: 100 }), { requireStored: false, cutoffs: false });
    expect(table.merge(entry('t:a', State.STORED))).toBe(false);
    expect(table.merge(entry('s:ann', 77))).toBe(false);
    expect(table.merge(entry('x:of later', 1))).toBe(false);
    expect([table.entry('t:a'), table.entry('s:ann'), table.entry('x:of later')]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    // Of what they do look for, all that is new counts.
    table.merge(entry('t:a', State.REVOKED, 1_000));
    table.merge(entry('t:a', State.STORED, 9_000));
    expect(table.entry('t:a')).toEqual({ meta: State.REVOKED | State.STORED, expiryS: 9 });
  });
});

test('only what readers did not see as revoked is news', () => {
  const table = tableOf(allocateTable({ maxEntries: 100 }));
  expect(table.merge(entry('t:a', State.STORED))).toBe(false);
  expect(table.merge(entry('t:a', State.REVOKED | State.STORED))).toBe(true);
  expect(table.merge(entry('t:a', State.REVOKED, 9_000))).toBe(false);
  expect(table.merge(entry('s:ann', 77))).toBe(true);
  expect(table.merge(entry('s:ann', 77, 9_000))).toBe(false);
  expect(table.merge(entry('s:ann', 78))).toBe(true);
  expect(table.entry('t:a')).toEqual({ meta: State.REVOKED | State.STORED, expiryS: 9 });
  expect(table.entry('s:ann')).toEqual({ meta: 78, expiryS: 9 });
});

describe('fill()', () => {
  const all = ['t:a', 't:b', 's:ann', `t:${UUID}`];

  test('leaves what many merges would have left, also of what was there, came twice, or is not looked for', () => {
    const entries = [
      entry('t:a', State.REVOKED, 9_000),
      entry('t:b', State.REVOKED | State.STORED),
      entry('s:ann', 77, 4_000),
      entry(`t:${UUID}`, State.STORED),
      entry('x:of later', 1),
      entry('t:b', State.REVOKED, 1_000),
      entry('s:ann', 76, 8_000),
    ];
    const there = [
      [entry('t:a', State.STORED, 20_000)],
      [entry('s:ann', 99, 1_000)],
      [entry(`t:${UUID}`, State.REVOKED, 1_000)],
    ];
    for (const before of [[], ...there, entries]) {
      for (const options of [{}, { requireStored: false, cutoffs: false }, { era: 5 }]) {
        for (const some of [entries, entries.slice(0, 3), entries.slice(0, 4), []]) {
          const filled = tableOf(allocateTable({ maxEntries: 100 }), options);
          const merged = tableOf(allocateTable({ maxEntries: 100 }), options);
          for (const each of before) for (const table of [filled, merged]) table.merge(each);
          filled.fill(some);
          for (const each of some) merged.merge(each);
          expect(all.map((key) => filled.entry(key))).toEqual(all.map((key) => merged.entry(key)));
        }
      }
    }
  });

  test('says when there is no room', () => {
    const table = tableOf(allocateTable({ maxEntries: 2 }));
    expect(() => table.fill(['1', '2', '3'].map((jti) => entry(`t:${jti}`, State.REVOKED)))).toThrow(
      expect.objectContaining({ code: 'TABLE_FULL' }),
    );
  });
});

describe('eras', () => {
  test('that something was stored counts in its own alone, that it was revoked in all', () => {
    const memory = allocateTable({ maxEntries: 100 });
    const before = tableOf(memory, { era: 6 });
    before.merge(entry('t:stored', State.STORED));
    before.merge(entry('t:both', State.STORED | State.REVOKED));
    before.merge(entry('s:ann', 0xffff_fff0));
    const table = tableOf(memory, { era: nextEra(6) });
    expect(table.entry('t:stored')).toEqual({ meta: 0, expiryS: 5 });
    expect(table.entry('t:both')).toEqual({ meta: State.REVOKED, expiryS: 5 });
    expect(table.entry('s:ann')).toEqual({ meta: 0xffff_fff0, expiryS: 5 });
    table.merge(entry('t:stored', State.STORED));
    const { meta } = new TableReader(memory).get('stored')!;
    expect([isStored(meta, 7), isStored(meta, 6)]).toEqual([true, false]);
  });

  test('go round', () => {
    expect([nextEra(0), nextEra(2 ** 30 - 1)]).toEqual([1, 0]);
    const memory = allocateTable({ maxEntries: 10 });
    const era = 2 ** 30 - 1;
    tableOf(memory, { era }).merge(entry('t:a', State.STORED));
    expect(isStored(new TableReader(memory).get('a')!.meta, era)).toBe(true);
  });
});

describe('room', () => {
  test('is reserved for what is new, until it is put or released', () => {
    const table = tableOf(allocateTable({ maxEntries: 2 }));
    table.merge(entry('t:a', State.REVOKED));
    table.reserve(entry('t:b', State.REVOKED));
    // There is one of it, and what readers do not look for takes no room.
    table.reserve(entry('t:a', State.STORED));
    table.reserve(entry('x:of later', 1));
    expect(() => table.reserve(entry('t:c', State.REVOKED))).toThrow(expect.objectContaining({ code: 'TABLE_FULL' }));
    table.release();
    table.reserve(entry('t:c', State.REVOKED));
  });
});
