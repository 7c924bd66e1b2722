import { describe, expect, test } from 'vitest';
import { systemClock } from '../../../../src/core/clock.js';
import type { TokenvisorError } from '../../../../src/core/errors.js';
import { LedgerFeed, revokedOf, type Revoked } from '../../../../src/kinds/ledger/ledger-feed.js';
import { knownRow, State, tokenKey, toWrite } from '../../../../src/kinds/ledger/ledger-entry.js';
import { applyRequest, type LedgerRequest } from '../../../../src/kinds/ledger/ledger-record.js';
import { LedgerRecords } from '../../../../src/kinds/ledger/ledger-records.js';
import { LedgerTable } from '../../../../src/kinds/ledger/ledger-table.js';
import { allocateTable } from '../../../../src/table/table-memory.js';
import { TableReader } from '../../../../src/table/table-reader.js';
import { TableWriter } from '../../../../src/table/table-writer.js';
import { ScriptedStore } from '../../../support/scripted-store.js';

const setUp = async ({ maxEntries = 5_000, exclusive = true } = {}) => {
  const store = await ScriptedStore.open({ exclusive });
  const memory = allocateTable({ maxEntries });
  const options = { era: 0, requireStored: false, cutoffs: true };
  const table = new LedgerTable({ writer: new TableWriter(memory), ...options });
  const told: Revoked[] = [];
  const seen: string[] = [];
  let unsure = 0;
  const records = new LedgerRecords({
    ...{ child: 'revoked', store, table, graceMs: 1_000, clock: systemClock },
    onRevoked: (row) => void told.push(revokedOf(row)),
    onUnsure: () => void (unsure += 1),
  });
  const reader = new TableReader(memory);
  const feed = new LedgerFeed({
    ...{ store, table, read: (keys: readonly string[]) => records.read(keys) },
    onRevoked: (revoked) => void told.push(revoked),
  });
  const isRevoked = (jti: string): boolean => reader.find(jti) && (reader.meta & State.REVOKED) !== 0;
  const ask = async (request: LedgerRequest): Promise<string> =>
    records.ask(request).then(
      ({ answer }) => answer ?? 'done',
      (error: unknown) => (error as TokenvisorError).code,
    );
  const revoke = (jti: string, subject?: string): Promise<string> =>
    ask({ kind: 'revoke', jti, subject, expiresAtMs: Infinity });
  /** As another process would. */
  const behind = async (request: LedgerRequest & { jti: string }): Promise<void> => {
    const [record] = await store.get([tokenKey(request.jti)]);
    const known = knownRow(tokenKey(request.jti), record, undefined, 0, 5);
    const { row } = applyRequest(known, request, 5);
    await store.writeBehind([toWrite(row!, record, 1_000)]);
  };
  return { store, table, records, feed, told, seen, isRevoked, ask, revoke, behind, unsure: () => unsure };
};

describe('a revocation', () => {
  test('is answered when it is durable and every reader sees it, not before', async () => {
    const { store, revoke, isRevoked, told } = await setUp();
    let seenBefore: unknown;
    store.beforeWrite = () => (seenBefore = isRevoked('a'));
    expect(await revoke('a', 'ann')).toBe('revoked');
    expect(seenBefore).toBe(false);
    expect(isRevoked('a')).toBe(true);
    expect(await revoke('a')).toBe('already_revoked');
    expect(told).toEqual([{ jti: 'a', subject: 'ann' }]);
  });

  test('of many at once: one read and one write, and one of those who ask for the same has revoked it', async () => {
    const { store, revoke } = await setUp();
    const answers = await Promise.all(['a', 'b', 'a', 'a', 'b'].map((jti) => revoke(jti)));
    expect(answers).toEqual(['revoked', 'revoked', 'already_revoked', 'already_revoked', 'already_revoked']);
    expect(store.asked).toEqual(['get 2', 'write 2']);
  });

  test('what is asked while a write is under way goes together in the next one', async () => {
    const { store, revoke } = await setUp();
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    store.beforeWrite = () => held;
    const first = revoke('a');
    await new Promise(setImmediate);
    const rest = [revoke('b'), revoke('a'), revoke('c')];
    await new Promise(setImmediate);
    expect(store.asked).toEqual(['get 1', 'write 1']);
    release();
    expect(await Promise.all([first, ...rest])).toEqual(['revoked', 'revoked', 'already_revoked', 'revoked']);
    expect(store.asked).toEqual(['get 1', 'write 1', 'get 3', 'write 2']);
  });

  test('of more than a batch holds goes in several', async () => {
    const { store, revoke } = await setUp();
    const answers = await Promise.all(Array.from({ length: 2_500 }, (_, index) => revoke(`t${index}`)));
    expect(answers.every((answer) => answer === 'revoked')).toBe(true);
    expect(store.asked.filter((each) => each.startsWith('write'))).toEqual(['write 1000', 'write 1000', 'write 500']);
  });
});

describe('another process', () => {
  test('that comes first has revoked it, and its readers see that here at once', async () => {
    const { store, revoke, behind, isRevoked, told } = await setUp();
    store.beforeWrite = async () => {
      store.beforeWrite = () => undefined;
      await behind({ kind: 'revoke', jti: 'a', subject: 'ann', expiresAtMs: Infinity });
    };
    expect(await Promise.all([revoke('a'), revoke('b')])).toEqual(['already_revoked', 'revoked']);
    expect(isRevoked('a')).toBe(true);
    expect(told).toContainEqual({ jti: 'a', subject: 'ann' });
  });

  test('that changes something else of the record holds nothing up', async () => {
    const { store, revoke, behind } = await setUp();
    let times = 0;
    store.beforeWrite = () => {
      times += 1;
      if (times > 5) return undefined;
      return behind({ kind: 'store', jti: 'a', subject: 'ann', expiresAtMs: times, purpose: 'user' });
    };
    expect(await revoke('a')).toBe('revoked');
    expect(times).toBe(6);
  });

  test('that does so for ever is told, and nothing is done', async () => {
    const { store, revoke, behind, isRevoked } = await setUp();
    store.beforeWrite = () => behind({ kind: 'store', jti: 'a', expiresAtMs: 1, purpose: 'user' });
    expect(await revoke('a')).toBe('STORE_UNAVAILABLE');
    expect(isRevoked('a')).toBe(false);
    // The next batch is none the worse for it.
    expect(await revoke('b')).toBe('revoked');
  });
});

describe('a store that is away', () => {
  test('before anything was written: it is told, nothing is done, and the next time it is', async () => {
    const { store, revoke, isRevoked, told, unsure } = await setUp();
    store.isAway = true;
    expect(await Promise.all([revoke('a'), revoke('b')])).toEqual(['STORE_UNAVAILABLE', 'STORE_UNAVAILABLE']);
    expect([isRevoked('a'), told, unsure()]).toEqual([false, [], 0]);
    store.isAway = false;
    expect(await revoke('a')).toBe('revoked');
  });

  test.each([
    ['before', 'revoked', false],
    ['after', 'already_revoked', true],
  ] as const)(
    'in the middle of a write, %s it was done: it is told, looked up, and published if so',
    async (spoil, then, is) => {
      const { store, records, revoke, isRevoked, told, unsure } = await setUp();
      store.spoilWrites = [spoil];
      expect(await revoke('a', 'ann')).toBe('STORE_UNAVAILABLE');
      expect([isRevoked('a'), unsure(), records.unsure]).toEqual([false, 1, true]);
      store.isAway = true;
      await expect(records.recheck()).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
      expect(records.unsure).toBe(true);
      store.isAway = false;
      await records.recheck();
      expect([isRevoked('a'), records.unsure]).toEqual([is, false]);
      expect(told).toEqual(is ? [{ jti: 'a', subject: 'ann' }] : []);
      expect(await revoke('a')).toBe(then);
      expect(isRevoked('a')).toBe(true);
      expect(told).toHaveLength(1);
    },
  );
});

describe('a full table', () => {
  test('refuses what it has no room for before it is durable, and that alone', async () => {
    const { store, revoke, ask } = await setUp({ maxEntries: 2 });
    expect(await Promise.all(['a', 'b', 'c'].map((jti) => revoke(jti)))).toEqual(['revoked', 'revoked', 'TABLE_FULL']);
    expect(await store.get(['t:c'])).toEqual([undefined]);
    // What is there already, and what readers do not look for, needs none.
    expect(await revoke('a')).toBe('already_revoked');
    expect(await ask({ kind: 'store', jti: 'd', expiresAtMs: 5, purpose: 'user' })).toBe('done');
  });
});

test('what was revoked and is stored again stays revoked, for as long, in the store and in the table', async () => {
  const { records, revoke, ask, isRevoked } = await setUp();
  await revoke('a');
  await ask({ kind: 'store', jti: 'a', subject: 'ann', expiresAtMs: 5, purpose: 'user' });
  expect(isRevoked('a')).toBe(true);
  expect((await records.read([tokenKey('a')]))[0]).toMatchObject({
    purpose: 'user',
    expiresAtMs: Infinity,
    stored: true,
  });
  expect(await revoke('a')).toBe('already_revoked');
});

test('what the store has forgotten, the table still knows', async () => {
  const { store, revoke, ask, records } = await setUp();
  await revoke('a');
  await store.close(); // The store in memory is empty now.
  expect(await revoke('a')).toBe('already_revoked');
  await ask({ kind: 'store', jti: 'a', expiresAtMs: 5, purpose: 'user' });
  expect((await records.read([tokenKey('a')]))[0]).toHaveProperty('revokedAtMs');
});

test('what is answered already_revoked is durable again, if the store had lost it', async () => {
  const { store, revoke, ask } = await setUp({ exclusive: false });
  const kept = async (key: string) => (await store.get([key]))[0];
  await revoke('a', 'ann');
  await ask({ kind: 'cut_off', subject: 'ann', cutoffS: 5, expiresAtMs: 9_000 });
  await store.close(); // It is empty now, as another server is that takes over.
  expect(await revoke('a')).toBe('already_revoked');
  await ask({ kind: 'cut_off', subject: 'ann', cutoffS: 4, expiresAtMs: 9_000 });
  expect(await kept('t:a')).toMatchObject({ state: State.REVOKED, expiresAtMs: Infinity });
  expect(await kept('s:ann')).toMatchObject({ state: 5, expiresAtMs: 10_000 });
  const written = store.asked.filter((asked) => asked.startsWith('write')).length;
  expect(await revoke('a')).toBe('already_revoked');
  await ask({ kind: 'cut_off', subject: 'ann', cutoffS: 5, expiresAtMs: 9_000 });
  expect(store.asked.filter((asked) => asked.startsWith('write'))).toHaveLength(written);
});

test('a token that is only stored in an older copy of the store is revoked there again, as the table says', async () => {
  const { store, ask, behind } = await setUp({ exclusive: false });
  await ask({ kind: 'revoke', jti: 'a', expiresAtMs: 90_000 });
  await store.close();
  await behind({ kind: 'store', jti: 'a', expiresAtMs: 50_000, purpose: 'user' });
  expect(await ask({ kind: 'revoke', jti: 'a', expiresAtMs: 20_000 })).toBe('already_revoked');
  const [record] = await store.get(['t:a']);
  expect(record).toMatchObject({ state: State.REVOKED | State.STORED, expiresAtMs: 91_000, data: { purpose: 'user' } });
});

test('when it is closed, what waits is refused, and what is being written has its answer', async () => {
  const { store, records, revoke } = await setUp();
  let release = (): void => undefined;
  const held = new Promise<void>((resolve) => (release = resolve));
  store.beforeWrite = () => held;
  const first = revoke('a');
  await new Promise(setImmediate);
  const second = revoke('b');
  const closed = records.close();
  expect(await second).toBe('STOPPED');
  release();
  await closed;
  expect(await first).toBe('revoked');
  expect(await revoke('c')).toBe('STOPPED');
});

describe('the feed', () => {
  const never = new AbortController().signal;

  test('loads all that is there, and tells none of it', async () => {
    const { feed, behind, isRevoked, told } = await setUp({ exclusive: false });
    for (let at = 0; at < 2_100; at += 1) await behind({ kind: 'revoke', jti: `t${at}`, expiresAtMs: Infinity });
    expect(await feed.load({ tells: false, signal: never })).toBe(2_100);
    expect([isRevoked('t0'), isRevoked('t2099'), isRevoked('t2100')]).toEqual([true, true, false]);
    expect(told).toEqual([]);
  });

  test('after a crash tells what readers did not see yet', async () => {
    const { feed, behind, revoke, told } = await setUp({ exclusive: false });
    await revoke('a');
    await behind({ kind: 'revoke', jti: 'b', subject: 'bob', expiresAtMs: Infinity });
    await feed.load({ tells: true, signal: never });
    await new Promise(setImmediate);
    expect(told).toEqual([{ jti: 'a' }, { jti: 'b', subject: 'bob' }]);
  });

  test('sees what others have written since, tells it once, with subject and purpose', async () => {
    const { store, feed, behind, isRevoked, told, ask } = await setUp({ exclusive: false });
    expect(await store.changes('0')).toMatchObject({ cursor: '0' });
    await feed.load({ tells: false, signal: never });
    await behind({ kind: 'store', jti: 'a', subject: 'ann', expiresAtMs: Infinity, purpose: 'user' });
    await behind({ kind: 'revoke', jti: 'a', expiresAtMs: Infinity });
    await ask({ kind: 'cut_off', subject: 'bob', cutoffS: 7, expiresAtMs: Infinity });
    await feed.look(never);
    expect(isRevoked('a')).toBe(true);
    await feed.look(never);
    await new Promise(setImmediate);
    expect(told).toEqual([
      { subject: 'bob', cutoffS: 7 },
      { jti: 'a', subject: 'ann', purpose: 'user' },
    ]);
  });

  test('tells what it can, if the records can not be had', async () => {
    const { store, feed, behind, isRevoked, told } = await setUp({ exclusive: false });
    await feed.load({ tells: false, signal: never });
    await behind({ kind: 'revoke', jti: 'a', subject: 'ann', expiresAtMs: Infinity });
    const look = feed.look(never);
    store.isAway = true;
    await look;
    await new Promise(setImmediate);
    expect(isRevoked('a')).toBe(true);
    expect(told).toEqual([{ jti: 'a' }]);
  });

  test('reads all of a store that can not tell what has changed, tells what is news, and goes on from there', async () => {
    const { store, feed, behind, isRevoked, told } = await setUp({ exclusive: false });
    await behind({ kind: 'revoke', jti: 'known', expiresAtMs: Infinity });
    await feed.load({ tells: false, signal: never });
    await behind({ kind: 'revoke', jti: 'a', subject: 'ann', expiresAtMs: Infinity });
    store.hasLostCount = true;
    await feed.look(never);
    await new Promise(setImmediate);
    expect([isRevoked('known'), isRevoked('a')]).toEqual([true, true]);
    expect(told).toEqual([{ jti: 'a', subject: 'ann' }]);
    store.hasLostCount = false;
    await behind({ kind: 'revoke', jti: 'b', expiresAtMs: Infinity });
    await feed.look(never);
    expect(isRevoked('b')).toBe(true);
  });

  test('a look that fails is done again from where the last good one ended', async () => {
    const { store, feed, behind, isRevoked } = await setUp({ exclusive: false });
    await feed.load({ tells: false, signal: never });
    store.isAway = true;
    await expect(feed.look(never)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    store.isAway = false;
    await behind({ kind: 'revoke', jti: 'a', expiresAtMs: Infinity });
    await feed.look(never);
    expect(isRevoked('a')).toBe(true);
  });
});
