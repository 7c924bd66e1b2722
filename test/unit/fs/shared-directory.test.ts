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
import { fileStore, refreshTokenGrant } from '../../../src/grants/refresh-token.js';
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
        class: 'fatal',
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
    expect(whoElseWrites(inner)).toBe(`everybody (mode 777), by way of ${folder}`);
    chmodSync(folder, 0o1777);
    expect(whoElseWrites(inner)).toBeUndefined();
  });

  it('is an option that is checked', () => {
    const options = { tokenEndpoint: 'https://a.example', clientId: 'a', refreshToken: 'seed' };
    const problemsOf = (store: object): number => refreshTokenGrant.check({ ...options, store }, 'p').problems.length;
    expect(problemsOf(fileStore('/x', { allowSharedDirectory: true }))).toBe(0);
    expect(problemsOf(fileStore('/x'))).toBe(0);
    expect(problemsOf(fileStore('/x', { allowSharedDirectory: 1 as never }))).toBe(1);
    expect(problemsOf(fileStore('/x', { alowSharedDirectory: true } as never))).toBe(1);
  });
});

describe('of the directories above it, the owners and the groups were not looked at', () => {
  const STRANGER = 54_321;
  /** The first is the one that is above. */
  const cases: readonly (readonly [string, string, number, number, number, string | undefined])[] = [
    ['of another user', '', STRANGER, 0, 0o755, 'the user 54321, who owns ABOVE'],
    [
      'of another user, and sticky: its owner can move what is in it',
      '',
      STRANGER,
      0,
      0o1777,
      'the user 54321, who owns ABOVE',
    ],
    ['two levels above', 'between', STRANGER, 0, 0o755, 'the user 54321, who owns ABOVE'],
    ['that another group writes', '', 0, STRANGER, 0o775, 'the group 54321 (mode 775), by way of ABOVE'],
    ['that another group writes, and that is sticky', '', 0, STRANGER, 0o1775, undefined],
    ['of another group that does not write', '', 0, STRANGER, 0o755, undefined],
    ['of root, and sticky', '', 0, 0, 0o1777, undefined],
    ['of root', 'between', 0, 0, 0o775, undefined],
  ];
  it.runIf(isRoot).each(cases)('one %s (needs root)', (_, between, user, group, mode, who) => {
    const inner = join(folder, between, 'inner');
    mkdirSync(inner, { recursive: true, mode: 0o700 });
    chownSync(folder, user, group);
    chmodSync(folder, mode);
    expect(whoElseWrites(inner)).toBe(who?.replace('ABOVE', folder));
    const store = storeAt(join(inner, 'token.json'), { allowSharedDirectory: true });
    store.open();
    store.close();
  });

  it.runIf(isRoot)("a user's own directories are no other's (needs root)", () => {
    const inner = join(folder, 'inner');
    mkdirSync(inner, { mode: 0o700 });
    for (const directory of [folder, inner]) chownSync(directory, STRANGER, STRANGER);
    chmodSync(root, 0o711);
    process.seteuid!(STRANGER);
    try {
      expect(whoElseWrites(inner)).toBeUndefined();
    } finally {
      process.seteuid!(0);
    }
  });
});

describe('a directory that is swapped under the store', () => {
  const record = seededRecord('seed', 'owner', 1, undefined);
  const [one, two] = ['one', 'two'];

  it.each([false, true])(
    'by a link to another: its token was read, and written over (allowSharedDirectory: %s)',
    (shared) => {
      for (const name of [one, two]) {
        mkdirSync(join(folder, name), 0o700);
        const store = storeAt(join(folder, name, 'token.json'));
        store.open();
        store.save(seededRecord(name, 'owner', 1, undefined), undefined);
        store.close();
      }
      const store = storeAt(join(folder, one, 'token.json'), { allowSharedDirectory: shared });
      store.open();
      expect(store.load()?.refreshToken).toBe(one);
      renameSync(join(folder, one), join(folder, 'away'));
      symlinkSync(join(folder, two), join(folder, one));
      const isLinked = { class: 'fatal', message: expect.stringContaining('got a link to another') as string };
      expect(() => store.open()).toThrow(expect.objectContaining(isLinked) as Error);
      rmSync(join(folder, one));
      renameSync(join(folder, 'away'), join(folder, one));
      store.open();
      expect(store.load()?.refreshToken).toBe(one);
      store.close();
    },
  );

  it('one that was not there at the start, below a link, is taken as it is first', () => {
    const link = join(folder, 'current');
    const store = storeAt(join(link, 'token.json'));
    expect(() => store.open()).toThrow(/its directory must exist/);
    for (const name of [one, two]) mkdirSync(join(folder, name), 0o700);
    symlinkSync(join(folder, one), link);
    store.open();
    rmSync(link);
    symlinkSync(join(folder, two), link);
    expect(() => store.open()).toThrow(/got a link to another/);
    store.close();
  });

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
