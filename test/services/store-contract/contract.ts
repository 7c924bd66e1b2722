/**
 * What every store has to do, whatever it is made of: the suite that each adapter runs, and a store of one's own may.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../../dist/core/clock.js';
import { openStore } from '../../../dist/storage/open-store.js';
import type {
  Store,
  StoreContext,
  StoredEntry,
  StoredRecord,
  StoreReference,
  StoreWrite,
  StoreWriteResult,
} from 'tokenvisor/storage';

export interface Subject {
  /** A store with nothing in it. */
  readonly reference: () => StoreReference;
  /** What is there is there after it was closed. */
  readonly durable: boolean;
}

export const contextOf = (changed: () => void = () => undefined): StoreContext => ({
  clock: systemClock,
  owner: 'contract',
  changed,
});

export const open = (reference: StoreReference, changed?: () => void): Promise<Store> =>
  openStore(reference, contextOf(changed));

export const aWrite = (key: string, more: Partial<StoreWrite> = {}): StoreWrite => ({
  key,
  replaces: 0,
  state: 1,
  expiresAtMs: 1_000_000,
  data: { of: key },
  ...more,
});

export const all = async <T>(batches: AsyncIterable<readonly T[]>): Promise<T[]> => {
  const found: T[] = [];
  for await (const batch of batches) found.push(...batch);
  return found;
};

export const entriesOf = async (store: Store): Promise<Map<string, StoredEntry>> => {
  const entries = await all((await store.entries()).batches);
  const byKey = new Map(entries.map((entry) => [entry.key, entry]));
  expect(byKey.size).toBe(entries.length); // None comes twice.
  return byKey;
};

const written = (version: number): StoreWriteResult => ({ written: true, version });

const UNUSUAL = [
  '',
  ' ',
  '\0',
  'a\0b',
  "'; DROP TABLE records; --",
  '\\x00',
  'NULL',
  '{"a":[1,2]}',
  'ключ-鍵-🔑',
  '🔑'.repeat(300),
  '\ud800', // Half a surrogate pair.
  '\ufffd', // What it would become.
  'k'.repeat(512),
  'k'.repeat(513),
  'k'.repeat(10_000),
  `${'k'.repeat(9_999)}x`,
  `\udc00${'é'.repeat(5_000)}`,
];

export const describeStore = (name: string, subject: () => Promise<Subject>): void => {
  describe(name, () => {
    let made: Subject;
    let store: Store;
    const stores: Store[] = [];
    beforeAll(async () => {
      made = await subject();
    });
    beforeEach(async () => {
      store = await open(made.reference());
      stores.push(store);
    });
    afterAll(() => Promise.all(stores.map((one) => one.close())));

    test('a record comes back as it was written, and what is not there as undefined', async () => {
      const data = { text: 'é\u0000', list: [1, null, { deep: true }], number: 1.5 };
      const writes = [
        aWrite('a', { subject: 'alice', data, state: 0xffffffff, expiresAtMs: 1_700_000_000_123 }),
        aWrite('b', { state: 0, expiresAtMs: Infinity, data: null }),
      ];
      expect(await store.write(writes)).toEqual([written(1), written(1)]);
      const expected = writes.map(({ replaces: _, ...record }) => ({ ...record, version: 1 }));
      expect(await store.get(['b', 'nobody', 'a'])).toStrictEqual([expected[1], undefined, expected[0]]);
    });

    test('a record replaces the version that it says, and no other', async () => {
      await store.write([aWrite('a', { subject: 'alice' })]);
      expect(await store.write([aWrite('a', { replaces: 1, state: 2 })])).toEqual([written(2)]);
      const [now] = await store.get(['a']);
      expect(now).toStrictEqual({ key: 'a', version: 2, state: 2, expiresAtMs: 1_000_000, data: { of: 'a' } });
      for (const replaces of [0, 1, 3]) {
        expect(await store.write([aWrite('a', { replaces, state: 9 })])).toStrictEqual([
          { written: false, found: now },
        ]);
      }
      expect(await store.write([aWrite('b', { replaces: 4 })])).toStrictEqual([{ written: false, found: undefined }]);
      expect(await store.get(['a', 'b'])).toStrictEqual([now, undefined]);
    });

    test('a write that is refused holds up no other of its batch', async () => {
      await store.write([aWrite('taken')]);
      const results = await store.write([aWrite('x'), aWrite('taken'), aWrite('y')]);
      expect(results.map((result) => result.written)).toEqual([true, false, true]);
      expect((await store.get(['x', 'y'])).map((record) => record?.version)).toEqual([1, 1]);
    });

    test('the writes of one key in one batch are one after the other', async () => {
      const batch = [aWrite('a'), aWrite('a'), aWrite('a', { replaces: 1, state: 5 })];
      expect((await store.write(batch)).map((result) => result.written)).toEqual([true, false, true]);
      expect(await store.get(['a'])).toMatchObject([{ version: 2, state: 5 }]);
    });

    test('of many that replace the same version at once, exactly one wins', async () => {
      for (let replaces = 0; replaces < 5; replaces++) {
        const writers = Array.from({ length: 8 }, (_, state) => store.write([aWrite('a', { replaces, state })]));
        const results = (await Promise.all(writers)).flat();
        expect(results.filter((result) => result.written)).toEqual([written(replaces + 1)]);
        const winner = results.findIndex((result) => result.written);
        expect(await store.get(['a'])).toMatchObject([{ version: replaces + 1, state: winner }]);
      }
    });

    test('entries() tells all, as they are by now', async () => {
      await store.write([aWrite('a', { state: 7 }), aWrite('b', { expiresAtMs: Infinity }), aWrite('c')]);
      await store.write([aWrite('a', { replaces: 1, state: 0xfffffffe, expiresAtMs: 5.5 })]);
      await store.remove([{ key: 'c', version: 1 }]);
      const entries = await entriesOf(store);
      expect(entries.size).toBe(2);
      expect(entries.get('a')).toMatchObject({ state: 0xfffffffe, expiresAtMs: 5.5 });
      expect(entries.get('b')).toMatchObject({ state: 1, expiresAtMs: Infinity });
    });

    test('the records of a subject, also after they have changed hands', async () => {
      await store.write([
        aWrite('1', { subject: 'a' }),
        aWrite('2', { subject: 'ab' }),
        aWrite('3', { subject: 'a' }),
        aWrite('4'),
        aWrite('5', { subject: '' }),
      ]);
      const keysOf = async (subject: string): Promise<string[]> =>
        (await all(store.bySubject(subject))).map(({ key }) => key).sort();
      expect(await keysOf('a')).toEqual(['1', '3']);
      await store.write([aWrite('1', { replaces: 1, subject: 'ab' }), aWrite('3', { replaces: 1 })]);
      expect(await keysOf('a')).toEqual([]);
      expect(await keysOf('ab')).toEqual(['1', '2']);
      expect(await keysOf('')).toEqual(['5']);
      expect(await keysOf('nobody')).toEqual([]);
      const [record] = await all(store.bySubject('ab'));
      expect(await store.get([record!.key])).toStrictEqual([record]);
    });

    test('what is before an instant, the earliest first, and no more than asked for', async () => {
      const times: readonly number[] = [5_000, 1_500, Infinity, -20, 0, 1_499.5, 3_000, 1_500];
      await store.write(times.map((expiresAtMs, at) => aWrite(`k${at}`, { expiresAtMs })));
      const timesBefore = async (beforeMs: number, limit = 100): Promise<number[]> =>
        (await store.expired(beforeMs, limit)).map(({ expiresAtMs }) => expiresAtMs);
      expect(await timesBefore(1_500)).toEqual([-20, 0, 1_499.5]);
      expect(await timesBefore(1_500.001)).toEqual([-20, 0, 1_499.5, 1_500, 1_500]);
      expect(await timesBefore(Infinity)).toEqual([-20, 0, 1_499.5, 1_500, 1_500, 3_000, 5_000]);
      expect(await timesBefore(Infinity, 3)).toEqual([-20, 0, 1_499.5]);
      expect(await timesBefore(-21)).toEqual([]);
      const [record] = await store.expired(0, 1);
      expect(await store.get([record!.key])).toStrictEqual([record]);
      await store.write([aWrite('k3', { replaces: 1, expiresAtMs: 9_000 })]);
      expect(await timesBefore(1)).toEqual([0]);
    });

    test('a record is removed if it still has the version, from everywhere', async () => {
      await store.write([aWrite('a', { subject: 's' }), aWrite('b', { subject: 's' })]);
      await store.write([aWrite('b', { replaces: 1, subject: 's' })]);
      const stale = [
        { key: 'a', version: 1 },
        { key: 'b', version: 1 },
        { key: 'nobody', version: 1 },
      ];
      expect(await store.remove(stale)).toBe(1);
      expect(await store.get(['a', 'b'])).toMatchObject([undefined, { version: 2 }]);
      expect((await all(store.bySubject('s'))).map(({ key }) => key)).toEqual(['b']);
      expect((await store.expired(Infinity, 10)).map(({ key }) => key)).toEqual(['b']);
      expect([...(await entriesOf(store)).keys()]).toEqual(['b']);
      expect(await store.write([aWrite('a')])).toEqual([written(1)]);
    });

    test('keys and subjects are any strings, each its own', async () => {
      const results = await store.write(UNUSUAL.map((key) => aWrite(key, { subject: key, data: key })));
      expect(results).toEqual(UNUSUAL.map(() => written(1)));
      const records = await store.get(UNUSUAL);
      expect(records.map((record) => [record?.key, record?.subject, record?.data])).toEqual(
        UNUSUAL.map((key) => [key, key, key]),
      );
      expect(new Set((await entriesOf(store)).keys())).toEqual(new Set(UNUSUAL));
      for (const key of UNUSUAL) expect((await all(store.bySubject(key))).map((record) => record.key)).toEqual([key]);
      expect(await store.remove(UNUSUAL.map((key) => ({ key, version: 1 })))).toBe(UNUSUAL.length);
    });

    test('more entries than fit into a page come once each', async () => {
      const keys = Array.from({ length: 51_000 }, (_, at) => `key-${at}${at % 5_000 === 0 ? 'x'.repeat(600) : ''}`);
      for (let at = 0; at < keys.length; at += 17_000) {
        await store.write(keys.slice(at, at + 17_000).map((key) => aWrite(key, { data: 0 })));
      }
      expect(new Set((await entriesOf(store)).keys())).toEqual(new Set(keys));
    });

    test('nothing to do is done', async () => {
      expect(await store.write([])).toEqual([]);
      expect(await store.get([])).toEqual([]);
      expect(await store.remove([])).toBe(0);
      expect(await store.expired(0, 10)).toEqual([]);
      expect(await entriesOf(store)).toEqual(new Map());
    });

    test('ten thousand in a batch, and data of a megabyte', async () => {
      const keys = Array.from({ length: 10_000 }, (_, at) => `key-${at}`);
      const large = 'x'.repeat(1_000_000);
      const writes = keys.map((key, at) => aWrite(key, { subject: 'all', data: at === 77 ? large : at }));
      const results = await store.write(writes);
      expect(results.every((result) => result.written)).toBe(true);
      expect((await entriesOf(store)).size).toBe(10_000);
      const records: StoredRecord[] = await all(store.bySubject('all'));
      expect(records).toHaveLength(10_000);
      expect(new Map(records.map(({ key, data }) => [key, data])).get('key-77')).toBe(large);
      expect((await store.get(keys)).map((record) => record?.key)).toEqual(keys);
      expect(await store.remove(keys.map((key) => ({ key, version: 1 })))).toBe(10_000);
      expect((await entriesOf(store)).size).toBe(0);
    });

    test('what is written later changes nothing that was handed out, nor the other way round', async () => {
      const data = { list: [1] };
      await store.write([aWrite('a', { data })]);
      data.list.push(2);
      const [first] = await store.get(['a']);
      (first?.data as { list: number[] }).list.push(3);
      expect(await store.get(['a'])).toMatchObject([{ data: { list: [1] } }]);
    });

    test('the changes since a look are told, if others write as well', async () => {
      await store.write([aWrite('before')]);
      const { cursor } = await store.entries();
      await store.write([aWrite('a', { state: 3 }), aWrite('b')]);
      await store.write([aWrite('b', { replaces: 1, state: 4 })]);
      const first = await store.changes(cursor);
      const states = new Map(first!.entries.map(({ key, state }) => [key, state]));
      if (!store.exclusive) expect([states.get('a'), states.get('b')]).toEqual([3, 4]);
      await store.write([aWrite('c')]);
      const second = await store.changes(first!.cursor);
      if (!store.exclusive) expect(second?.entries.map(({ key }) => key)).toContain('c');
    });

    test('what was written is there after it was closed and opened, if it is durable at all', async () => {
      const reference = made.reference();
      const first = await open(reference);
      await first.write([aWrite('a', { subject: 's' })]);
      await first.close();
      const second = await open(reference);
      expect((await entriesOf(second)).size).toBe(made.durable ? 1 : 0);
      expect((await second.get(['a']))[0]?.subject).toBe(made.durable ? 's' : undefined);
      await second.close();
      await second.close();
    });
  });
};
