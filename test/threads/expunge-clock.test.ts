/** An expunge while the wall clock is wrongly ahead: what it would forget can't be had back when the clock is corrected. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { tokenSet } from 'tokenvisor/inbound';
import { lmdbStore, memoryStore } from 'tokenvisor/storage';
import { expungesWhileAhead } from '../support/expunge-ahead.js';
import { steppedWall } from '../support/stepped-wall.js';
import { afterTest, cleanUp, Control, supervise } from '../support/supervised.js';

afterEach(cleanUp);

const newFolder = (): string => {
  const folder = mkdtempSync(path.join(tmpdir(), 'tokenvisor-expunge-'));
  afterTest(() => rmSync(folder, { recursive: true, maxRetries: 20, retryDelay: 100 }));
  return folder;
};

test('a ledger in memory forgot live revocations while the clock was a day ahead', () =>
  expungesWhileAhead(memoryStore(), { outlives: false }));

test('a ledger on LMDB forgot live revocations while the clock was a day ahead', () =>
  expungesWhileAhead(lmdbStore(path.join(newFolder(), 'ledger')), { outlives: true }));

test('a ledger on a store of one’s own forgot live revocations while the clock was a day ahead', () => {
  const module = new URL('./fixtures/faulty-store.mjs', import.meta.url);
  const options = { file: path.join(newFolder(), 'records.json'), control: new Control().buffer, exclusive: false };
  return expungesWhileAhead({ module, options }, { outlives: true });
});

test('a token set forgot live tokens while the clock was a day ahead', async () => {
  const wall = steppedWall();
  const { children, heard } = await supervise({
    set: tokenSet({ ...wall.child, maxEntries: 1_000, expungeIntervalMs: 100 }),
  });
  const { set } = children;
  await set.insert('live', { expiresAtMs: Date.now() + 7_200_000, meta: 7 });
  await set.insert('over', { expiresAtMs: Date.now() + 1_100 });
  wall.step(86_400);
  expect(['live', 'over'].map((token) => set.exists(token))).toEqual([false, false]);
  // The timed one.
  expect(await heard.next('table:expunged')).toMatchObject({ removed: 1, size: 1 });
  expect(await set.expungeExpired()).toBe(0);
  wall.step(-86_400);
  expect(set.lookup('live')).toMatchObject({ meta: 7 });
});
