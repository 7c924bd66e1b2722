import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { ProviderError } from '../../../src/core/errors.js';
import { FileStore } from '../../../src/refresh-store/file.js';
import type { Vault } from '../../../src/oauth/provider.js';
import { RefreshTokenJournal } from '../../../src/refresh-store/journal.js';
import {
  afterAnswer,
  digestOf,
  isNewSeed,
  leavesOpen,
  openIntent,
  parseRecord,
  reconcile,
  recordAsJson,
  seededRecord,
  withIntent,
  type Intent,
  type RefreshRecord,
} from '../../../src/refresh-store/record.js';
import { machineFs, type StoreFs } from '../../../src/fs/files.js';
import { createSimulatedClock } from '../../../src/testing/simulated-clock.js';
import { MemoryVault, failureOf } from '../../support/http-context.js';

const root = mkdtempSync(join(tmpdir(), 'tokenvisor-journal-'));
afterAll(() => rmSync(root, { recursive: true }));

let path = '';
const freshFolder = (): void => {
  path = join(mkdtempSync(join(root, 'case-')), 'token.json');
};
beforeEach(freshFolder);

const clock = createSimulatedClock({ wallMs: Date.now() });
const storeOf = (more: { fs?: StoreFs; owner?: string } = {}): FileStore =>
  new FileStore({ path, owner: 'owner', clock, ...more });

const keeperOf = (
  more: { vault?: Vault; fs?: StoreFs; seed?: () => string; memory?: boolean } = {},
): RefreshTokenJournal =>
  new RefreshTokenJournal({
    vault: more.vault ?? new MemoryVault(),
    store: more.memory === true ? undefined : storeOf(more.fs === undefined ? {} : { fs: more.fs }),
    writer: 'owner',
    clock,
    singleUse: true,
    readSeed: more.seed ?? (() => 'seed'),
  });

const intentFor = (token: string): Intent => ({ attempt: 1, token: digestOf(token), replays: 0 });

describe('the file', () => {
  it("is its owner's only, and there as soon as the token is known", () => {
    keeperOf().load();
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(JSON.parse(readFileSync(path, 'utf8'))).toMatchObject({ refreshToken: 'seed', seeds: [digestOf('seed')] });
    expect(readdirSync(join(path, '..')).sort()).toEqual(['token.json', 'token.json.lock']);
  });

  it('is replaced as a whole: written, synced, renamed, and the folder synced', () => {
    const seen: string[] = [];
    const fs = Object.fromEntries(
      Object.entries(machineFs).map(([name, operate]) => [
        name,
        (...args: unknown[]) => {
          seen.push(name);
          return (operate as (...all: unknown[]) => unknown)(...args);
        },
      ]),
    ) as StoreFs;
    const store = storeOf({ fs });
    store.open();
    seen.length = 0;
    store.save(seededRecord('seed', 'owner', 1, undefined), undefined);
    const steps = seen.filter((name) => name !== 'readRegularFile');
    expect(steps).toEqual([
      'openSync',
      'writeFileSync',
      'fsyncSync',
      'closeSync',
      'renameSync',
      'openSync',
      'fsyncSync',
      'closeSync',
    ]);
  });

  it('is followed through a link', () => {
    keeperOf().load();
    const link = join(path, '../link.json');
    symlinkSync(path, link);
    const store = new FileStore({ path: link, owner: 'owner', clock });
    store.open();
    const record = store.load()!;
    store.save(withIntent(record, 'owner', undefined), record.revision);
    expect(JSON.parse(readFileSync(path, 'utf8'))).toMatchObject({ revision: record.revision + 1 });
  });

  it('is let go of when it is closed', () => {
    const journal = keeperOf();
    journal.load();
    journal.close();
    expect(readdirSync(join(path, '..'))).toEqual(['token.json']);
  });

  it.each<[string, () => void, object]>([
    ['not ours', () => writeFileSync(path, '{"refreshToken":"canary"}'), { class: 'fatal' }],
    ['empty', () => writeFileSync(path, ''), { class: 'fatal' }],
    ['cut short', () => writeFileSync(path, '{"format":"tokenvisor refresh token","ver'), { class: 'fatal' }],
    [
      'of a later version',
      () => writeFileSync(path, '{"format":"tokenvisor refresh token","version":2}'),
      { class: 'fatal' },
    ],
    [
      'without a token',
      () => writeFileSync(path, '{"format":"tokenvisor refresh token","version":1,"revision":1}'),
      { class: 'fatal' },
    ],
    [
      'larger than it may be',
      () => writeFileSync(path, `{"refreshToken":"canary${'x'.repeat(65_536)}"}`),
      { class: 'fatal' },
    ],
    ['a folder', () => mkdirSync(path), { class: 'fatal' }],
    ['in no folder', () => (path = join(path, 'deeper/token.json')), { class: 'fatal' }],
  ])('bad input: %s parks, and nothing is written over it', async (_name, spoil, expected) => {
    spoil();
    const contents = (): string | undefined =>
      existsSync(path) && statSync(path).isFile() ? readFileSync(path, 'utf8') : undefined;
    const before = contents();
    const failure = await failureOf(() => keeperOf().load());
    expect(failure).toMatchObject({ reason: 'store_failed', cause: { code: 'STORE_FAILED' }, ...expected });
    expect(failure.message).not.toContain('canary');
    expect(contents()).toBe(before);
  });

  it('is not written larger than it can be read again', async () => {
    const seed = 'x'.repeat(65_400);
    expect(await failureOf(() => keeperOf({ seed: () => seed }).load())).toMatchObject({
      class: 'fatal',
      message: expect.stringContaining('larger than 65536 bytes') as string,
    });
    expect(existsSync(path)).toBe(false);
  });

  it('that another credential holds is waited for', async () => {
    storeOf({ owner: 'somebody else' }).open();
    const failure = await failureOf(() => keeperOf().load());
    expect(failure).toMatchObject({ class: 'transient', reason: 'store_failed', cause: { code: 'STORE_LOCKED' } });
  });

  it('is not written by one who has lost the lock, or who knows an older state of it', async () => {
    const store = storeOf();
    store.open();
    const record = seededRecord('seed', 'owner', 1, undefined);
    store.save(record, undefined);
    expect(await failureOf(() => store.save(withIntent(record, 'owner', undefined), 7))).toMatchObject({
      class: 'transient',
      reason: 'store_failed',
    });
    storeOf().open(); // The same owner, as after a crash.
    expect(await failureOf(() => store.save(withIntent(record, 'owner', undefined), 1))).toMatchObject({
      reason: 'store_failed',
      cause: { code: 'STORE_LOCKED' },
    });
    expect(store.load()).toEqual(record);
  });

  it.runIf(process.getuid?.() !== 0)('that can not be written parks', async () => {
    chmodSync(join(path, '..'), 0o500);
    expect(await failureOf(() => keeperOf().load())).toMatchObject({ class: 'fatal', reason: 'store_failed' });
  });
});

describe('the seed', () => {
  it('is taken in once, and may be gone after that', () => {
    const vault = new MemoryVault();
    const first = keeperOf({ vault }).load();
    const gone = (): string => {
      throw new ProviderError('gone', { class: 'fatal', reason: 'secret_unreadable' });
    };
    expect(keeperOf({ vault, seed: gone }).load()).toEqual(first);
    freshFolder();
    expect(() => keeperOf({ seed: gone }).load()).toThrow('gone');
  });

  it.each([false, true])('that has changed replaces the token and clears an intent (memory: %s)', (memory) => {
    const vault = new MemoryVault();
    const journal = keeperOf({ vault, memory });
    const record = journal.load();
    journal.begin(record, intentFor('seed'));
    expect(openIntent(keeperOf({ vault, memory }).load())).toBeDefined();
    const renewed = keeperOf({ vault, memory, seed: () => 'authorised anew' }).load();
    expect(renewed).toMatchObject({ refreshToken: 'authorised anew', rotations: 0 });
    expect(openIntent(renewed)).toBeUndefined();
    if (!memory) expect(storeOf().load()).toEqual(renewed);
  });

  it('that was spent earlier changes nothing when the configuration is rolled back', () => {
    const vault = new MemoryVault();
    keeperOf({ vault }).load();
    const second = keeperOf({ vault, seed: () => 'second' }).load();
    expect(keeperOf({ vault, seed: () => 'seed' }).load()).toEqual(second);
    expect(isNewSeed(second, 'seed', false)).toBe(true);
    expect(isNewSeed(second, 'second', false)).toBe(false);
  });
});

class Killed extends Error {}

/** Plays an exchange that dies at its n-th write or file operation; true if it got that far. */
const dieAt = (n: number, vault: Vault): { died: boolean; sent: boolean; settled: boolean } => {
  let step = 0;
  const mortal = <A extends unknown[], R>(act: (...args: A) => R): ((...args: A) => R) => {
    return (...args) => {
      if (step++ >= n) throw new Killed('killed');
      return act(...args);
    };
  };
  const fs = Object.fromEntries(
    Object.entries(machineFs).map(([name, operate]) => [name, mortal(operate as (...args: unknown[]) => unknown)]),
  ) as StoreFs;
  const mortalVault: Vault = { read: () => vault.read(), write: mortal((value) => vault.write(value)) };
  const progress = { died: false, sent: false, settled: false };
  try {
    const journal = keeperOf({ vault: mortalVault, fs });
    const record = journal.begin(journal.load(), intentFor('seed'));
    progress.sent = true;
    journal.settle(record, 'next');
    progress.settled = true;
  } catch {
    progress.died = true;
  }
  return progress;
};

describe('a crash at every single step of an exchange', () => {
  const outcomes = (makeVault: (vault: MemoryVault) => MemoryVault) => {
    const found: { n: number; sent: boolean; settled: boolean; record: RefreshRecord }[] = [];
    for (let n = 0, died = true; died; n++) {
      freshFolder();
      const vault = new MemoryVault();
      keeperOf({ vault }).load();
      const progress = dieAt(n, vault);
      died = progress.died;
      found.push({ n, ...progress, record: keeperOf({ vault: makeVault(vault) }).load() });
    }
    expect(found.length).toBeGreaterThan(20);
    return found;
  };
  const neverSpentTwice = (found: ReturnType<typeof outcomes>): void => {
    for (const { n, sent, settled, record } of found) {
      const isOpen = openIntent(record) !== undefined;
      if (settled) expect(record.refreshToken, `killed at ${n}`).toBe('next');
      if (!sent) expect(record.refreshToken, `killed at ${n}`).toBe('seed');
      if (sent) expect(record.refreshToken === 'next' ? !isOpen : isOpen, `killed at ${n}`).toBe(true);
    }
    expect(found.some(({ sent, record }) => sent && openIntent(record) !== undefined)).toBe(true);
    expect(found.some(({ settled, record }) => !settled && record.refreshToken === 'next')).toBe(true);
  };

  it('of the actor: what was sent is open or known, what was not sent is not open', () => {
    const found = outcomes((vault) => vault);
    neverSpentTwice(found);
    for (const { n, sent, record } of found) {
      if (!sent) expect(openIntent(record), `killed at ${n}`).toBeUndefined();
    }
  });

  it('of the process: what was sent is open or known, and memory is never ahead of the file', () => {
    let ahead = 0;
    const found = outcomes((vault) => {
      const kept = parseRecord(vault.read());
      const filed = JSON.parse(readFileSync(path, 'utf8')) as RefreshRecord;
      if (kept !== undefined && kept.revision > filed.revision) ahead += 1;
      return new MemoryVault();
    });
    neverSpentTwice(found);
    expect(ahead).toBe(0);
  });

  it('of the disk, after the answer: memory keeps the token, and the file follows', async () => {
    const vault = new MemoryVault();
    let full = false;
    const fs: StoreFs = {
      ...machineFs,
      writeFileSync: (...args) => {
        if (full) throw Object.assign(new Error('full'), { code: 'ENOSPC' });
        machineFs.writeFileSync(...args);
      },
    };
    const journal = keeperOf({ vault, fs });
    const record = journal.begin(journal.load(), intentFor('seed'));
    full = true;
    const failing = await failureOf(() => journal.settle(record, 'next'));
    expect(failing).toMatchObject({ class: 'transient', reason: 'store_failed' });
    expect(await failureOf(() => journal.load())).toMatchObject({ reason: 'store_failed' });
    expect(openIntent(storeOf().load()!)).toBeDefined();
    full = false;
    expect(keeperOf({ vault, fs }).load()).toMatchObject({ refreshToken: 'next' });
    expect(storeOf().load()).toMatchObject({ refreshToken: 'next' });
    expect(readdirSync(join(path, '..')).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });
});

describe('decisions', () => {
  const record = seededRecord('t', 'me', 100, undefined);

  it('regression: begun by a clock with fractions of a ms, a record counted as none, and the spent token was sent again', () => {
    const begun = seededRecord('t', 'me', 100.9995, undefined);
    expect(begun.revision).toBe(100);
    expect(parseRecord(recordAsJson(begun))).toEqual(begun);
  });

  const filedIntent = withIntent(record, 'me', intentFor('t'));

  it('an answer without a refresh token keeps the old one', () => {
    expect(afterAnswer(filedIntent, 'me', undefined)).toMatchObject({ refreshToken: 't', rotations: 0, revision: 102 });
    expect(afterAnswer(filedIntent, 'me', undefined).intent).toBeUndefined();
    expect(afterAnswer(filedIntent, 'me', 'u')).toMatchObject({ refreshToken: 'u', rotations: 1 });
  });

  it('of two records the newer one holds, but for an intent of our own that never left', () => {
    expect(reconcile(undefined, undefined, 'me')).toBeUndefined();
    expect(reconcile(record, undefined, 'me')).toBe(record);
    expect(reconcile(undefined, filedIntent, 'me')).toBe(filedIntent);
    expect(reconcile(filedIntent, filedIntent, 'me')?.intent).toBeDefined();
    expect(reconcile(record, filedIntent, 'me')).toEqual({ ...record, revision: 102 });
    expect(reconcile(record, { ...filedIntent, writer: 'other' }, 'me')?.intent).toBeDefined();
    expect(reconcile(record, { ...filedIntent, revision: 105 }, 'me')?.intent).toBeDefined();
    expect(reconcile(afterAnswer(filedIntent, 'me', 'u'), filedIntent, 'me')?.refreshToken).toBe('u');
  });

  it.each<[object, boolean]>([
    [{ reason: 'connect_failed' }, false],
    [{ reason: 'tls_failed' }, false],
    [{ reason: 'secret_unreadable' }, false],
    [{ reason: 'connection_lost' }, true],
    [{ reason: 'timed_out' }, true],
    [{ reason: 'provider_threw' }, true],
    [{ reason: 'malformed_answer' }, true],
    [{ reason: 'malformed_answer', status: 200 }, true],
    [{ reason: 'malformed_answer', status: 201 }, true],
    [{ reason: 'oauth_error', status: 200 }, false],
    [{ reason: 'oauth_error', status: 400 }, false],
    [{ reason: 'http_status', status: 302 }, false],
    [{ reason: 'http_status', status: 404 }, false],
    [{ reason: 'http_status', status: 408 }, false],
    [{ reason: 'http_status', status: 429 }, false],
    [{ reason: 'http_status', status: 500 }, true],
    [{ reason: 'http_status', status: 502 }, true],
    [{ reason: 'http_status', status: 503 }, false],
    [{ reason: 'http_status', status: 504 }, true],
  ])('%j leaves the exchange open: %s', (failure, open) => {
    expect(leavesOpen(new ProviderError('x', failure))).toBe(open);
  });

  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['null', null],
    ['a text', 'x'],
    ['no token', { ...record, refreshToken: '' }],
    ['no revision', { ...record, revision: '1' }],
    ['no seeds', { ...record, seeds: [1] }],
    ['half an intent', { ...record, intent: { attempt: 1 } }],
    ['a null intent', { ...record, intent: null }],
  ])('bad input: %s is no record', (_name, value) => expect(parseRecord(value)).toBeUndefined());

  it('an intent for another token is none', () => {
    expect(openIntent(withIntent(record, 'me', intentFor('another')))).toBeUndefined();
  });
});
