/** Who else can write where a refresh token is kept: on the file system that is there. */
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  existsSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { FileStore } from '../../../src/refresh-store/file.js';
import { seededRecord, withIntent } from '../../../src/refresh-store/record.js';
import { whoElseWrites } from '../../../src/fs/shared-directory.js';
import { machineFs, type StoreFs } from '../../../src/fs/files.js';
import { checkRefreshToken, fileStore } from '../../../src/grants/refresh-token.js';
import { createSimulatedClock } from '../../../src/testing/simulated-clock.js';

const isRoot = process.getuid?.() === 0;
const root = realpathSync(mkdtempSync(join(tmpdir(), 'tokenvisor-shared-')));
afterAll(() => rmSync(root, { recursive: true }));

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(root, 'case-'));
});

const storeAt = (path: string, more: { allowSharedDirectory?: boolean; fs?: StoreFs } = {}): FileStore =>
  new FileStore({ path, owner: 'owner', clock: createSimulatedClock({ wallMs: Date.now() }), ...more });

describe('a refresh token was kept where others can write', () => {
  const cases: readonly (readonly [string, () => void, RegExp])[] = [
    ['everybody', () => chmodSync(folder, 0o707), /^everybody \(mode 707\)$/],
    ['everybody, as in /tmp', () => chmodSync(folder, 0o1777), /^everybody \(mode 1777\)$/],
  ];
  const asRoot: typeof cases = [
    [
      'a group that this process is not in',
      () => {
        chownSync(folder, 0, 54_321);
        chmodSync(folder, 0o770);
      },
      /^the group 54321 \(mode 770\)$/,
    ],
    ['another user', () => chownSync(folder, 54_321, 0), /^its owner, the user 54321$/],
  ];
  const isRefused = (_: string, make: () => void, who: RegExp): void => {
    expect(whoElseWrites(folder)).toBeUndefined();
    make();
    expect(whoElseWrites(folder)).toMatch(who);
    const path = join(folder, 'token.json');
    expect(() => storeAt(path).open()).toThrow(
      expect.objectContaining({
        class: 'park',
        message: expect.stringContaining('allowSharedDirectory') as string,
      }) as Error,
    );
    expect(existsSync(`${path}.lock`)).toBe(false);
    const store = storeAt(path, { allowSharedDirectory: true });
    store.open();
    expect(existsSync(`${path}.lock`)).toBe(true);
    store.close();
  };
  it.each(cases)('%s: refused, unless it is said', isRefused);
  it.runIf(isRoot).each(asRoot)('%s (needs root): refused, unless it is said', isRefused);

  it('also by way of a directory above it that is not sticky', () => {
    const inner = join(folder, 'inner');
    mkdirSync(inner, 0o700);
    expect(whoElseWrites(inner)).toBeUndefined();
    chmodSync(folder, 0o777);
    expect(whoElseWrites(inner)).toBe(`everybody, by way of ${folder}`);
    chmodSync(folder, 0o1777);
    expect(whoElseWrites(inner)).toBeUndefined();
  });

  it('is an option that is checked', () => {
    const options = { tokenEndpoint: 'https://a.example', clientId: 'a', refreshToken: 'seed' };
    const problemsOf = (store: object): number => checkRefreshToken({ ...options, store }, 'p').problems.length;
    expect(problemsOf(fileStore('/x', { allowSharedDirectory: true }))).toBe(0);
    expect(problemsOf(fileStore('/x'))).toBe(0);
    expect(problemsOf(fileStore('/x', { allowSharedDirectory: 1 as never }))).toBe(1);
    expect(problemsOf(fileStore('/x', { alowSharedDirectory: true } as never))).toBe(1);
  });
});

describe('a directory that is swapped under the store', () => {
  const record = seededRecord('seed', 'owner', 1, undefined);
  const [one, two] = ['one', 'two'];

  it('a link to it that is changed parted a file that was not there yet from its lock', () => {
    for (const name of [one, two]) mkdirSync(join(folder, name), 0o700);
    const link = join(folder, 'current');
    symlinkSync(join(folder, one), link);
    const store = storeAt(join(link, 'token.json'));
    store.open();
    rmSync(link);
    symlinkSync(join(folder, two), link);
    store.save(record, undefined);
    expect(existsSync(join(folder, one, 'token.json'))).toBe(true);
    expect(existsSync(join(folder, two, 'token.json'))).toBe(false);
    store.close();
  });

  it('is found before a write: the lock is not there any more', () => {
    const directory = join(folder, one);
    mkdirSync(directory, 0o700);
    const store = storeAt(join(directory, 'token.json'));
    store.open();
    renameSync(directory, join(folder, 'away'));
    mkdirSync(directory, 0o700);
    expect(() => store.save(record, undefined)).toThrow(expect.objectContaining({ class: 'transient' }) as Error);
    expect(existsSync(join(directory, 'token.json'))).toBe(false);
  });

  it('is found at the end of a write that had begun: it counts as not kept', () => {
    const directory = join(folder, one);
    mkdirSync(directory, 0o700);
    let isSwapped = false;
    const fs: StoreFs = {
      ...machineFs,
      openSync: (path, ...rest) => {
        if (isSwapped && String(path).endsWith('.tmp')) {
          isSwapped = false;
          renameSync(directory, join(folder, 'away'));
          mkdirSync(directory, 0o700);
        }
        return machineFs.openSync(path, ...rest);
      },
    };
    const store = storeAt(join(directory, 'token.json'), { fs });
    store.open();
    store.save(record, undefined);
    isSwapped = true;
    const next = withIntent(record, 'owner', undefined);
    expect(() => store.save(next, record.revision)).toThrow(
      expect.objectContaining({ class: 'transient', message: expect.stringContaining('was lost') as string }) as Error,
    );
  });
});
