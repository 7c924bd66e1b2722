/** The process that owns an LMDB database: one at a time, and none that is left behind. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, expect, test } from 'vitest';
import { lmdbStore, type LmdbStoreOptions, type Store } from 'tokenvisor/storage';
import { fillPool } from '../../support/full-pool.js';
import { cleanUp } from '../../support/supervised.js';
import { aWrite, entriesOf, open } from './contract.js';

const folder = mkdtempSync(path.join(tmpdir(), 'tokenvisor-lmdb-'));
const stores: Store[] = [];
afterEach(async () => {
  await cleanUp();
  await Promise.all(stores.splice(0).map((store) => store.close()));
});
afterAll(() => rmSync(folder, { recursive: true }));

let count = 0;
const newPath = (): string => path.join(folder, `store ${++count}.db`, 'in', 'a', 'folder');
const started = async (at: string, options?: LmdbStoreOptions): Promise<Store> => {
  const store = await open(lmdbStore(at, options));
  stores.push(store);
  return store;
};

/** As its lock says. */
const ownerOf = (at: string): number =>
  (JSON.parse(readFileSync(path.join(at, 'owner.lock'), 'utf8')) as { pid: number }).pid;

const lives = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

test('a database has one owner, and the next one when that one has closed it', async () => {
  const at = newPath();
  const first = await started(at);
  await first.write([aWrite('a')]);
  const second = started(at, { lockTimeoutMs: 100 });
  await expect(second).rejects.toMatchObject({
    code: 'STORE_LOCKED',
    message: expect.stringContaining(`LMDB database ${at} is locked by process ${ownerOf(at)}`) as string,
  });
  const third = started(at);
  await first.close();
  expect((await entriesOf(await third)).size).toBe(1);
});

test('when it is closed, its process has ended, and what was asked before is done', async () => {
  const at = newPath();
  const store = await started(at);
  const owner = ownerOf(at);
  const write = store.write(Array.from({ length: 2_000 }, (_, key) => aWrite(`${key}`)));
  await store.close();
  expect(lives(owner)).toBe(false);
  expect(await write).toHaveLength(2_000);
  await expect(store.get(['1'])).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
  expect((await entriesOf(await started(at))).size).toBe(2_000);
});

test('a process that dies is replaced at the next use', async () => {
  const at = newPath();
  const store = await started(at);
  await store.write([aWrite('a')]);
  process.kill(ownerOf(at), 'SIGSTOP');
  const write = store.write([aWrite('b')]);
  process.kill(ownerOf(at), 'SIGKILL');
  await expect(write).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
  const results = await Promise.all(['c', 'd'].map((key) => store.write([aWrite(key)])));
  expect(results.flat().every(({ written }) => written)).toBe(true);
  expect((await store.get(['a', 'b'])).map((record) => record?.key)).toEqual(['a', undefined]);
});

test('one that does not answer is given up within the bound, and replaced', async () => {
  const at = newPath();
  const store = await started(at, { timeoutMs: 2_000 });
  const silent = ownerOf(at);
  process.kill(silent, 'SIGSTOP');
  const fromMs = performance.now();
  const failure = { code: 'STORE_UNAVAILABLE', message: expect.stringContaining('no answer within 2000 ms') as string };
  await expect(store.write([aWrite('a')])).rejects.toMatchObject(failure);
  expect(performance.now() - fromMs).toBeLessThan(2_500);
  expect(await store.write([aWrite('a')])).toEqual([{ written: true, version: 1 }]);
  expect(ownerOf(at)).not.toBe(silent);
});

test('one that has lost its lock writes no more, and is replaced; if somebody has the lock, that is told', async () => {
  const at = newPath();
  const store = await started(at, { lockTimeoutMs: 100 });
  await store.write([aWrite('a')]);
  const owner = ownerOf(at);
  rmSync(path.join(at, 'owner.lock')); // By whoever tidies up.
  await expect(store.write([aWrite('b')])).rejects.toMatchObject({ code: 'STORE_LOCKED' });
  expect((await store.get(['a', 'b'])).map((record) => record?.key)).toEqual(['a', undefined]);
  expect(ownerOf(at)).not.toBe(owner);
  expect(lives(owner)).toBe(false);
  const mine = { ...(JSON.parse(readFileSync(path.join(at, 'owner.lock'), 'utf8')) as object), pid: process.pid };
  writeFileSync(path.join(at, 'owner.lock'), JSON.stringify({ ...mine, nonce: 'another', startTime: undefined }));
  for (let tries = 0; tries < 2; tries++) {
    await expect(store.write([aWrite('b')])).rejects.toMatchObject({ code: 'STORE_LOCKED' });
  }
  rmSync(path.join(at, 'owner.lock'));
  expect(await store.write([aWrite('b')])).toEqual([{ written: true, version: 1 }]);
});

test('an interrupt at a terminal is not its end', async () => {
  const at = newPath();
  const store = await started(at);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.kill(ownerOf(at), signal);
  expect(await store.write([aWrite('a')])).toEqual([{ written: true, version: 1 }]);
});

test("it works while this process's pool of threads is full", async () => {
  const { canaryWaits } = fillPool();
  const at = newPath();
  const store = await started(at);
  expect(await store.write([aWrite('a')])).toEqual([{ written: true, version: 1 }]);
  expect(canaryWaits()).toBe(true);
});

test('what can not be opened is told, and options that are not usable', async () => {
  await expect(open(lmdbStore('/dev/null/store'))).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
  await expect(open(lmdbStore('', { timeoutMs: 1 }))).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    problems: [{ path: 'store.options.path' }, { path: 'store.options.timeoutMs' }],
  });
});
