import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { withLock } from './lock.mjs';

let folder: string;
let lock: string;

beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'tokenvisor-lock-'));
  lock = path.join(folder, 'made/here.lock');
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

it('lets one at a time in, and tells the others once that they wait', async () => {
  let inside = 0;
  let most = 0;
  let told = 0;
  const work = async (): Promise<void> => {
    inside += 1;
    most = Math.max(most, inside);
    await new Promise((resolve) => setImmediate(resolve));
    inside -= 1;
  };
  await Promise.all([1, 2, 3].map(() => withLock(lock, { waiting: () => (told += 1) }, work)));
  expect({ most, told }).toEqual({ most: 1, told: 2 });
  expect(readdirSync(path.dirname(lock))).toEqual([]);
});

it('is given back when the work fails', async () => {
  await expect(withLock(lock, {}, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect(existsSync(lock)).toBe(false);
});

it('is taken over from a process that is gone', async () => {
  await withLock(lock, {}, () => undefined);
  const { pid } = spawnSync(process.execPath, ['--version']);
  writeFileSync(lock, `${pid} ${os.hostname()} x`);
  expect(await withLock(lock, {}, () => readFileSync(lock, 'utf8').split(' ')[0])).toBe(String(process.pid));
});

it('is taken over from another host only when it is older than any set-up', async () => {
  await withLock(lock, {}, () => undefined);
  writeFileSync(lock, '1 another-host x');
  const seen: string[] = [];
  const done = withLock(lock, { waiting: () => seen.push('waits') }, () => seen.push('works'));
  await Promise.resolve();
  expect(seen).toEqual(['waits']);
  const anHourAgo = Date.now() / 1_000 - 3_600;
  utimesSync(lock, anHourAgo, anHourAgo);
  await done;
  expect(seen).toEqual(['waits', 'works']);
});
