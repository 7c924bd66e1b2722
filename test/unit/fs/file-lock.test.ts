import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FileLock } from '../../../src/fs/file-lock.js';
import { livenessOf, thisProcess, type ProcessIdentity } from '../../../src/fs/process-identity.js';
import { machineFs, type StoreFs } from '../../../src/fs/files.js';
import { createSimulatedClock } from '../../../src/testing/simulated-clock.js';

const root = mkdtempSync(join(tmpdir(), 'tokenvisor-lock-'));
afterAll(() => rmSync(root, { recursive: true }));

let folder = '';
let path = '';
beforeEach(() => {
  folder = mkdtempSync(join(root, 'case-'));
  path = join(folder, 'token.json');
});

const children: ChildProcess[] = [];
afterEach(() => children.splice(0).forEach((child) => child.kill('SIGKILL')));

/** A process that lives until the test is over. */
const livingProcess = (): ProcessIdentity => {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1e6)'], { stdio: 'ignore' });
  children.push(child);
  const stat = readFileSync(`/proc/${child.pid}/stat`, 'latin1');
  const startTime = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]!;
  return { pid: child.pid!, startTime, machine: thisProcess().machine };
};

/** A process that is no more. */
const deadProcess = (): ProcessIdentity => {
  const { pid } = spawnSync(process.execPath, ['-e', '']);
  return { pid, startTime: '1', machine: thisProcess().machine };
};

const setUp = (owner: string, more: { identity?: ProcessIdentity; fs?: StoreFs } = {}) => {
  const clock = createSimulatedClock({ wallMs: Date.now() });
  return { clock, lock: new FileLock({ path, owner, clock, fs: machineFs, ...more }) };
};
const lockOf = (owner: string, more: { identity?: ProcessIdentity; fs?: StoreFs } = {}): FileLock =>
  setUp(owner, more).lock;
const locked = expect.objectContaining({ code: 'STORE_LOCKED' }) as Error;
const ageLock = (ms: number): void => {
  const then = new Date(Date.now() - ms);
  utimesSync(`${path}.lock`, then, then);
};
const files = (): string[] => readdirSync(folder);

describe('a lock', () => {
  it('keeps out another process and another credential of this one, until it is released', () => {
    const holder = lockOf('a');
    holder.acquire();
    holder.acquire();
    expect(holder.isHeld()).toBe(true);
    const other = lockOf('b');
    expect(() => other.acquire()).toThrow(locked);
    expect(() => lockOf('c', { identity: livingProcess() }).acquire()).toThrow(locked);
    expect(other.isHeld()).toBe(false);
    other.release(); // One that is not held gives nothing away.
    expect(holder.isHeld()).toBe(true);
    holder.release();
    expect(files()).toEqual([]);
    other.acquire();
    expect(other.isHeld()).toBe(true);
  });

  it('says who has it', () => {
    lockOf('a').acquire();
    expect(() => lockOf('b').acquire()).toThrow(`process ${process.pid} on `);
  });

  it.each<[string, () => ProcessIdentity, number, boolean]>([
    ['its process is gone', deadProcess, 0, true],
    ['its process lives', livingProcess, 0, false],
    ['its process lives, however long it is silent', livingProcess, 60_000, false],
    ['its pid has been given again', () => ({ ...livingProcess(), startTime: '1' }), 0, true],
    ['it is of another machine and fresh', () => ({ ...deadProcess(), machine: 'elsewhere' }), 29_000, false],
    ['it is of another machine and silent', () => ({ ...deadProcess(), machine: 'elsewhere' }), 31_000, true],
    ['it is of a thread of this process', thisProcess, 29_000, false],
    ['it is of a thread of this process that is silent', thisProcess, 31_000, true],
    [
      'nothing tells if it is the same process',
      () => ({ pid: livingProcess().pid, machine: thisProcess().machine }),
      29_000,
      false,
    ],
    [
      'nothing tells, and it is silent',
      () => ({ pid: livingProcess().pid, machine: thisProcess().machine }),
      31_000,
      true,
    ],
  ])('can be taken over or not: %s', (_name, identity, ageMs, stale) => {
    lockOf('a', { identity: identity() }).acquire();
    ageLock(ageMs);
    const successor = lockOf('b');
    if (stale) successor.acquire();
    else expect(() => successor.acquire()).toThrow(locked);
    expect(successor.isHeld()).toBe(stale);
    expect(files()).toEqual(['token.json.lock']);
  });

  it("is its owner's own after a crash, also in the same process", () => {
    const before = lockOf('a');
    before.acquire();
    const after = lockOf('a');
    after.acquire();
    expect([before.isHeld(), after.isHeld()]).toEqual([false, true]);
    before.release();
    expect(after.isHeld()).toBe(true);
  });

  it('is touched every 5 s while it is held, and no longer', () => {
    const { clock, lock } = setUp('a');
    lock.acquire();
    ageLock(31_000);
    clock.advance(5_000);
    expect(() => lockOf('b').acquire()).toThrow(locked);
    lock.release();
    expect(clock.pending()).toBe(0);
  });

  it('works without hard links', () => {
    const fs: StoreFs = {
      ...machineFs,
      linkSync: () => {
        throw Object.assign(new Error('no links here'), { code: 'EPERM' });
      },
    };
    lockOf('dead', { fs, identity: deadProcess() }).acquire();
    const holder = lockOf('a', { fs });
    holder.acquire();
    expect(holder.isHeld()).toBe(true);
    expect(() => lockOf('b', { fs }).acquire()).toThrow(locked);
    expect(files()).toEqual(['token.json.lock']);
  });

  it.each(['', '{', 'null', '[]', '{"nonce":"../../x","owner":"o","machine":"m","hostAndPid":"h","pid":1}'])(
    'that can not be read counts by its age: %j',
    (text) => {
      writeFileSync(`${path}.lock`, text);
      const lock = lockOf('a');
      expect(() => lock.acquire()).toThrow(locked);
      ageLock(31_000);
      lock.acquire();
      expect(lock.isHeld()).toBe(true);
    },
  );
});

describe('what is no lock file', () => {
  it.each<[string, () => void, RegExp]>([
    ['a pipe', () => execFileSync('mkfifo', [`${path}.lock`]), /not a regular file/],
    ['a file that is too large', () => writeFileSync(`${path}.lock`, 'x'.repeat(4_097)), /larger than 4096 bytes/],
    ['a folder', () => mkdirSync(`${path}.lock`), /not a regular file/],
  ])('is not waited for, nor taken for one that is left: %s', (_name, make, message) => {
    make();
    ageLock(31_000);
    expect(() => lockOf('a').acquire()).toThrow(message);
  });

  it('is no claim of ours, whatever its owner is called', () => {
    const long = 'x'.repeat(5_000);
    const holder = lockOf(long);
    holder.acquire();
    expect(holder.isHeld()).toBe(true);
    expect(() => lockOf(`${long}y`).acquire()).toThrow(locked);
    lockOf(long).acquire();
    expect(holder.isHeld()).toBe(false);
  });
});

describe('a claim that somebody else has written', () => {
  const claim = (more: object): string =>
    JSON.stringify({
      pid: 2 ** 22 + 1,
      machine: 'elsewhere',
      owner: 'o',
      nonce: 'n',
      hostAndPid: 'process 1 on here',
      ...more,
    });

  it('printed its text raw: orders to a terminal, and lines of a log', () => {
    const orders = '\u001b[2J\u001b]0;owned\u0007\r\nall is well';
    writeFileSync(`${path}.lock`, claim({ hostAndPid: orders, machine: `${orders} x`, owner: orders }));
    expect(() => lockOf('a').acquire()).toThrow(
      `The refresh-token store is locked by process ${2 ** 22 + 1} on a machine with an invalid name (see ${path}.lock)`,
    );
  });

  it('does not say for itself who it is of', () => {
    writeFileSync(`${path}.lock`, claim({ hostAndPid: 'nobody at all', machine: 'db-1.example 1 2' }));
    expect(() => lockOf('a').acquire()).toThrow(`locked by process ${2 ** 22 + 1} on db-1.example (see `);
  });

  it('is not written through, where a draft is to be', () => {
    const target = join(folder, 'target');
    writeFileSync(target, 'as it was');
    const drafts: string[] = [];
    const fs: StoreFs = {
      ...machineFs,
      writeFileSync: ((draft: string, ...rest: [string, object]) => {
        drafts.push(draft);
        symlinkSync(target, draft);
        machineFs.writeFileSync(draft, ...rest);
      }) as StoreFs['writeFileSync'],
    };
    expect(tryToTake(lockOf('a', { fs }))).toBe(false);
    expect(drafts.length).toBeGreaterThan(0);
    expect(readFileSync(target, 'utf8')).toBe('as it was');
  });
});

/** The file system, with `before(n)` called before its n-th operation. */
const watchedFs = (before: (operation: number) => void): StoreFs => {
  let operations = 0;
  const entries = Object.entries(machineFs).map(([name, operate]) => [
    name,
    typeof operate !== 'function'
      ? operate
      : (...args: unknown[]) => {
          before(operations++);
          return (operate as (...all: unknown[]) => unknown)(...args);
        },
  ]);
  return Object.fromEntries(entries) as StoreFs;
};

/** True if `acquire` says that the lock was taken. */
const tryToTake = (lock: FileLock): boolean => {
  try {
    lock.acquire();
    return true;
  } catch (error) {
    if ((error as { code?: string }).code === 'STORE_LOCKED') return false;
    throw error;
  }
};

describe('two that break a stale lock at once', () => {
  // A is stopped before its n-th operation, B before its m-th, and C runs there.
  it('never both have it, wherever the one is stopped and the other runs', () => {
    let schedules = 0;
    for (let n = 0, more = true; more; n++) {
      more = false;
      for (let m = 0, moreInside = true; moreInside; m++) {
        moreInside = false;
        folder = mkdtempSync(join(root, 'race-'));
        path = join(folder, 'token.json');
        lockOf('dead', { identity: deadIdentity }).acquire();
        const takers: string[] = [];
        const take = (name: string, lock: FileLock): void => void (tryToTake(lock) && takers.push(name));
        const c = lockOf('c');
        const b = lockOf('b', {
          fs: watchedFs((operation) => {
            if (operation !== m) return;
            moreInside = true;
            take('c', c);
          }),
        });
        const a = lockOf('a', {
          fs: watchedFs((operation) => {
            if (operation !== n) return;
            more = true;
            take('b', b);
          }),
        });
        take('a', a);
        schedules += 1;
        const holders = Object.entries({ a, b, c }).filter(([, lock]) => lock.isHeld());
        expect(takers, `stopped at ${n} and ${m}`).toHaveLength(1);
        expect(holders.map(([name]) => name)).toEqual(takers);
      }
    }
    expect(schedules).toBeGreaterThan(60);
  });

  it('may die at any point without leaving a lock that nobody can take', () => {
    for (let n = 0, more = true; more; n++) {
      more = false;
      folder = mkdtempSync(join(root, 'death-'));
      path = join(folder, 'token.json');
      lockOf('dead', { identity: deadIdentity }).acquire();
      const dying = lockOf('dying', {
        identity: { ...deadIdentity, startTime: '2' },
        fs: watchedFs((operation) => {
          if (operation >= n) throw new Error('killed');
        }),
      });
      try {
        dying.acquire();
      } catch {
        more = true;
      }
      const survivor = lockOf('survivor');
      survivor.acquire();
      expect(survivor.isHeld(), `killed at ${n}`).toBe(true);
    }
  });

  const deadIdentity = deadProcess();
});

it('this process is alive, and known by more than its pid', () => {
  expect(livenessOf(thisProcess())).toBe('alive');
  expect(livenessOf(deadProcess())).toBe('gone');
  expect(livenessOf({ ...thisProcess(), startTime: '1' })).toBe('gone');
  expect(livenessOf({ pid: process.pid, machine: 'x' })).toBe('unknown');
});
