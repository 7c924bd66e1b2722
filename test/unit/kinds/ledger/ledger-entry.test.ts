import { describe, expect, test } from 'vitest';
import {
  cutoffKey,
  knownRow,
  mergeEntry,
  readKey,
  State,
  tokenKey,
  toRow,
  toWrite,
} from '../../../../src/kinds/ledger/ledger-entry.js';
import { NEVER_S } from '../../../../src/table/expiry.js';
import type { CutoffRow, TokenRow } from '../../../../src/kinds/ledger/ledger-record.js';

const row: TokenRow = {
  ...{
    kind: 'token',
    jti: 'a',
    subject: 'ann',
    expiresAtMs: 10_500,
    purpose: 'user',
    extraData: { ip: 1 },
    changes: [1],
  },
  ...{ stored: true, createdAtMs: 1, updatedAtMs: 2, revokedAtMs: 3 },
};
const cutoff: CutoffRow = {
  ...{ kind: 'cutoff', subject: 'ann', cutoffS: 77, expiresAtMs: 9_000, createdAtMs: 1, updatedAtMs: 2 },
};
const GRACE_MS = 300_000;
const entry = (key: string, state: number, expiresAtMs: number) => ({ key, state, expiresAtMs });

test('a row is written, and read again as it was', () => {
  const never: TokenRow = {
    kind: 'token',
    jti: '',
    expiresAtMs: Infinity,
    stored: false,
    createdAtMs: 1,
    updatedAtMs: 2,
  };
  for (const each of [row, cutoff, never]) {
    const { replaces, ...write } = toWrite(each, undefined, GRACE_MS);
    expect(replaces).toBe(0);
    // As through any store: JSON.
    const data: unknown = JSON.parse(JSON.stringify(write.data));
    expect(toRow({ ...write, data, version: 1 })).toEqual(each);
  }
});

test('a record is kept for the grace after its expiry, and never for less than it was', () => {
  expect(toWrite(row, undefined, GRACE_MS).expiresAtMs).toBe(310_500);
  const existing = { ...toWrite(row, undefined, GRACE_MS), version: 4 };
  expect(toWrite(row, existing, 0)).toMatchObject({ expiresAtMs: 310_500, replaces: 4 });
});

test('a cutoff is no record of its subject', () => {
  expect(toWrite(row, undefined, 0).subject).toBe('ann');
  expect(toWrite(cutoff, undefined, 0)).not.toHaveProperty('subject');
});

test('a token and a subject of one name have two keys', () => {
  expect(tokenKey('ann')).not.toBe(cutoffKey('ann'));
  expect(readKey(tokenKey('s:ann'))).toEqual({ jti: 's:ann' });
  expect(readKey(cutoffKey(''))).toEqual({ subject: '' });
  expect(readKey('x:of later')).toBeUndefined();
  expect(toRow({ key: 'x:of later', version: 1, state: 1, expiresAtMs: 1, data: {} })).toBeUndefined();
});

describe('an entry of the table', () => {
  test('is remembered until the second after its expiry, or for ever', () => {
    const expiries = [1, 1_000, 1_001, Infinity].map((at) => mergeEntry(undefined, entry('t:a', 1, at))?.expiryS);
    expect(expiries).toEqual([1, 1, 2, NEVER_S]);
  });

  test('takes on what is new, and loses nothing', () => {
    const stored = mergeEntry(undefined, entry('t:a', State.STORED, 5_000));
    expect(stored).toEqual({ meta: State.STORED, expiryS: 5 });
    const both = mergeEntry(stored, entry('t:a', State.REVOKED, 1_000));
    expect(both).toEqual({ meta: State.REVOKED | State.STORED, expiryS: 5 });
    expect(mergeEntry(both, entry('t:a', State.STORED, 5_000))).toBeUndefined();
    expect(mergeEntry(both, entry('t:a', 0, Infinity))).toEqual({ meta: 3, expiryS: NEVER_S });
  });

  test('of a subject has the latest second', () => {
    const at = mergeEntry(undefined, entry('s:ann', 0xffff_fff0, 5_000));
    expect(at).toEqual({ meta: 0xffff_fff0, expiryS: 5 });
    expect(mergeEntry(at, entry('s:ann', 7, 5_000))).toBeUndefined();
  });
});

describe('what is known of a key', () => {
  const known = (record: TokenRow | CutoffRow | undefined, meta: number, expiryS: number, key = 't:a') =>
    knownRow(key, record && { ...toWrite(record, undefined, 0), version: 1 }, { meta, expiryS }, 2_000, 50);

  test('is revoked if the table says so, though the store has forgotten it', () => {
    const expected = { kind: 'token', jti: 'a', stored: false, createdAtMs: 50, updatedAtMs: 50, revokedAtMs: 50 };
    expect(known(undefined, State.REVOKED, 7)).toEqual({ ...expected, expiresAtMs: 5_000 });
    expect(known(undefined, State.REVOKED | State.STORED, NEVER_S)).toEqual({ ...expected, expiresAtMs: Infinity });
  });

  test('is revoked if the table says so, though the store says otherwise', () => {
    const { revokedAtMs: _, ...there } = row;
    expect(known(there, State.REVOKED | State.STORED, 99)).toEqual({ ...row, expiresAtMs: 97_000, revokedAtMs: 50 });
  });

  test('is what the store has otherwise', () => {
    expect(known(row, State.REVOKED, 7)).toEqual(row);
    expect(known(undefined, State.STORED, 7)).toBeUndefined();
    expect(knownRow('t:a', undefined, undefined, 0, 50)).toBeUndefined();
  });

  test('is the later cutoff', () => {
    expect(known(cutoff, 78, 5, 's:ann')).toEqual({ ...cutoff, cutoffS: 78 });
    expect(known(cutoff, 76, 99, 's:ann')).toEqual({ ...cutoff, expiresAtMs: 97_000 });
    expect(known(undefined, 76, 99, 's:ann')).toMatchObject({ subject: 'ann', cutoffS: 76, expiresAtMs: 97_000 });
  });
});
