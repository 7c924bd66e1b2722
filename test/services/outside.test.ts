/** What others on the machine can see and do: the environment of a process, its memory, and files of another user's. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  chmodSync,
  closeSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { FileStore } from '../../dist/refresh-store/file.js';
import { seededRecord } from '../../dist/refresh-store/record.js';
import { systemClock } from '../../dist/core/clock.js';

const isRoot = process.getuid?.() === 0;
const isLinux = process.platform === 'linux';
const folder = mkdtempSync(path.join(tmpdir(), 'tokenvisor-outside-'));
const PROCESS = fileURLToPath(new URL('./fixtures/exposed-process.mjs', import.meta.url));

const server = createServer((request, response) => {
  request.resume().on('end', () => {
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ access_token: 'access-1', token_type: 'Bearer', expires_in: 3_600 }));
  });
});
beforeAll(async () => {
  await once(server.listen(0, '127.0.0.1'), 'listening');
});
const children: ChildProcess[] = [];
afterEach(() => children.splice(0).forEach((child) => child.kill('SIGKILL')));
afterAll(() => {
  server.close();
  rmSync(folder, { recursive: true });
});

let runs = 0;
const start = async (how: 'env' | 'file', secret: string): Promise<ChildProcess> => {
  const secretFile = path.join(folder, `secret-${++runs}`);
  writeFileSync(secretFile, secret, { mode: 0o600 });
  const tokenEndpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}/token`;
  const given = [how, tokenEndpoint, secretFile, path.join(folder, `lmdb-${runs}`)];
  const child = spawn(process.execPath, [PROCESS, ...given], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { PATH: process.env['PATH'], ...(how === 'env' && { CLIENT_SECRET: secret }) },
  });
  children.push(child);
  await once(child.stdout, 'data');
  return child;
};

const read = (pid: number, name: string): string => readFileSync(`/proc/${pid}/${name}`, 'latin1');
const childrenOf = (pid: number): number[] =>
  readdirSync(`/proc/${pid}/task`).flatMap((task) =>
    readFileSync(`/proc/${pid}/task/${task}/children`, 'latin1').split(' ').filter(Boolean).map(Number),
  );

/** Whether the memory that a core file would have has this in it. */
const memoryHas = (pid: number, text: string): boolean => {
  const handle = openSync(`/proc/${pid}/mem`, 'r');
  const wanted = Buffer.from(text);
  try {
    for (const line of read(pid, 'maps').split('\n')) {
      const [, from = '', to = '', rights = '', name = ''] = /^(\w+)-(\w+) (\S+) \S+ \S+ \S+\s*(.*)$/.exec(line) ?? [];
      if (!rights.startsWith('rw') || name.startsWith('[v')) continue;
      const buffer = Buffer.alloc(1 << 20);
      const end = Number(`0x${to}`);
      for (let at = Number(`0x${from}`); at < end; at += buffer.length - wanted.length) {
        try {
          const length = readSync(handle, buffer, 0, Math.min(buffer.length, end - at), at);
          if (buffer.subarray(0, length).includes(wanted)) return true;
        } catch {
          break; // What is not mapped in.
        }
      }
    }
    return false;
  } finally {
    closeSync(handle);
  }
};

describe.runIf(isLinux)('a process that holds a secret', () => {
  test('has it in /proc/PID/environ if it was given by a variable, and not if by a file; its LMDB process never has', async () => {
    const secret = randomBytes(18).toString('hex');
    for (const how of ['env', 'file'] as const) {
      const { pid = 0 } = await start(how, secret);
      expect(read(pid, 'environ').includes(secret), how).toBe(how === 'env');
      const below = childrenOf(pid);
      expect(below).toHaveLength(1);
      for (const one of [pid, ...below]) expect(read(one, 'cmdline')).not.toContain(secret);
      expect(below.filter((one) => read(one, 'environ').includes(secret))).toEqual([]);
    }
  });

  // Memory of another process is for root, or its parent where that is allowed.
  test.runIf(isRoot)('(needs root) has it in its memory, and so in a core file: no more is promised', async () => {
    const secret = randomBytes(18).toString('hex');
    const { pid = 0 } = await start('file', secret);
    expect(memoryHas(pid, secret)).toBe(true);
    expect(childrenOf(pid).filter((one) => memoryHas(one, secret))).toEqual([]);
  });
});

describe.runIf(isRoot)('another user (needs root)', () => {
  const as = (uid: number, code: string, ...given: string[]): string =>
    execFileSync(process.execPath, ['--input-type=module', '-e', code, ...given], { uid, gid: uid, encoding: 'utf8' });
  const OTHER = 54_321;
  const attempts = `
    import { readFileSync, writeFileSync, unlinkSync, renameSync } from 'node:fs';
    const [file] = process.argv.slice(1);
    const tries = { read: () => readFileSync(file), write: () => writeFileSync(file, ''), lock: () => readFileSync(file + '.lock'),
      unlock: () => unlinkSync(file + '.lock'), plant: () => writeFileSync(file + '.lock.after-x', ''), move: () => renameSync(file, file + '.x') };
    const outcomes = Object.entries(tries).map(([name, act]) => { try { act(); return name + ' done'; } catch (error) { return name + ' ' + error.code; } });
    process.stdout.write(outcomes.join(', '));`;

  const storeIn = (mode: number, allowSharedDirectory: boolean): { file: string; store: FileStore } => {
    const directory = mkdtempSync(path.join(tmpdir(), 'tokenvisor-of-root-'));
    chmodSync(directory, mode);
    const file = path.join(directory, 'token.json');
    const store = new FileStore({ path: file, owner: 'owner', clock: systemClock, allowSharedDirectory });
    store.open();
    store.save(seededRecord('seed', 'owner', 1, undefined), undefined);
    return { file, store };
  };

  test('reads, writes, locks and moves nothing of a refresh token’s', () => {
    const { file, store } = storeIn(0o700, false);
    expect(as(OTHER, attempts, file)).toBe(
      'read EACCES, write EACCES, lock EACCES, unlock EACCES, plant EACCES, move EACCES',
    );
    store.close();
    rmSync(path.dirname(file), { recursive: true });
  });

  test('where a shared directory is allowed: reads no token and no lock, but can move both', () => {
    const { file, store } = storeIn(0o777, true);
    expect(as(OTHER, attempts, file)).toBe(
      'read EACCES, write EACCES, lock EACCES, unlock done, plant done, move done',
    );
    // Which is found: the lock is not held any more.
    expect(() => store.save(seededRecord('next', 'owner', 2, undefined), undefined)).toThrow('was lost');
    store.close();
    rmSync(path.dirname(file), { recursive: true });
  });
});
