import { describe, expect, test } from 'vitest';
import {
  applyAll,
  applyRequest,
  type LedgerRequest,
  type TokenRow,
} from '../../../../src/kinds/ledger/ledger-record.js';

const NOW_MS = 1_000_000;
const token: TokenRow = {
  ...{ kind: 'token', jti: 'a', subject: 'ann', expiresAtMs: 5_000_000, purpose: 'user', extraData: { ip: 1 } },
  ...{ stored: true, createdAtMs: 1, updatedAtMs: 2 },
};
const revoked: TokenRow = { ...token, revokedAtMs: 3 };

describe('revoke', () => {
  test('writes a record where there is none, and is answered revoked', () => {
    const row = {
      kind: 'token',
      jti: 'a',
      subject: 'ann',
      expiresAtMs: 9,
      stored: false,
      revokedAtMs: NOW_MS,
    } as const;
    const expected = { ...row, createdAtMs: NOW_MS, updatedAtMs: NOW_MS };
    const request = { kind: 'revoke', jti: 'a', subject: 'ann', expiresAtMs: 9 } as const;
    expect(applyRequest(undefined, request, NOW_MS)).toEqual({ write: expected, row: expected, answer: 'revoked' });
  });

  test('keeps what is known of a token that was stored, the later expiry too', () => {
    const { row, answer } = applyRequest(token, { kind: 'revoke', jti: 'a', subject: 'bob', expiresAtMs: 9 }, NOW_MS);
    expect(row).toEqual({ ...token, revokedAtMs: NOW_MS, updatedAtMs: NOW_MS });
    expect(answer).toBe('revoked');
  });

  test('writes nothing for what is revoked already', () => {
    const request = { kind: 'revoke', jti: 'a', expiresAtMs: 5_000_000 } as const;
    expect(applyRequest(revoked, request, NOW_MS)).toEqual({ row: revoked, answer: 'already_revoked' });
  });

  test('has what is revoked already remembered for longer, if it is to be', () => {
    const { write, answer } = applyRequest(revoked, { kind: 'revoke', jti: 'a', expiresAtMs: Infinity }, NOW_MS);
    expect(write).toEqual({ ...revoked, expiresAtMs: Infinity, updatedAtMs: NOW_MS });
    expect(answer).toBe('already_revoked');
  });
});

describe('store', () => {
  const request = { kind: 'store', jti: 'a', subject: 'ann', expiresAtMs: 7_000_000, purpose: 'reset' } as const;

  test('replaces purpose and data of a record, and keeps when it was made', () => {
    expect(applyRequest(token, { ...request, extraData: [2] }, NOW_MS).write).toEqual({
      ...token,
      ...{ purpose: 'reset', extraData: [2], expiresAtMs: 7_000_000, updatedAtMs: NOW_MS },
    });
    expect(applyRequest(token, request, NOW_MS).write).not.toHaveProperty('extraData');
  });

  test('never undoes a revocation, nor brings its expiry forward', () => {
    for (const kind of ['store', 'store_changes'] as const) {
      const again = { ...request, kind, expiresAtMs: 1, changes: 1 } as LedgerRequest;
      expect(applyRequest(revoked, again, NOW_MS).row).toMatchObject({ revokedAtMs: 3, expiresAtMs: 5_000_000 });
    }
  });

  test('of changes keeps the data of the record, and the other way round', () => {
    const changes = {
      kind: 'store_changes',
      jti: 'a',
      expiresAtMs: 1,
      purpose: 'confirm',
      changes: { email: 'x' },
    } as const;
    const { row } = applyRequest(token, changes, NOW_MS);
    expect(row).toMatchObject({ purpose: 'confirm', changes: { email: 'x' }, extraData: { ip: 1 }, stored: true });
    expect(applyRequest(row, request, NOW_MS).row).toMatchObject({ purpose: 'reset', changes: { email: 'x' } });
  });
});

describe('revoke_stored', () => {
  const one = (row: TokenRow | undefined, filter = {}): unknown =>
    applyRequest(row, { kind: 'revoke_stored', jti: 'a', subject: 'ann', filter }, NOW_MS).answer;

  test('revokes what is stored for the subject, and nothing else', () => {
    expect(one(token)).toBe('revoked');
    expect(one(revoked)).toBe('already_revoked');
    expect(one({ ...token, stored: false })).toBe('skipped');
    expect(one({ ...token, subject: 'bob' })).toBe('skipped');
    expect(one(undefined)).toBe('skipped');
  });

  test('does not change the expiry of the record', () => {
    const request = { kind: 'revoke_stored', jti: 'a', subject: 'ann', filter: {} } as const;
    expect(applyRequest(token, request, NOW_MS).row?.expiresAtMs).toBe(5_000_000);
  });

  test('of some purposes, or of all but some', () => {
    expect(one(token, { includePurposes: ['user'] })).toBe('revoked');
    expect(one(token, { includePurposes: ['reset'] })).toBe('skipped');
    expect(one(token, { excludePurposes: ['user'] })).toBe('skipped');
    expect(one(token, { excludePurposes: ['reset'] })).toBe('revoked');
    expect(one(token, { includePurposes: ['user'], excludePurposes: ['user'] })).toBe('skipped');
  });
});

describe('cut_off', () => {
  const request = { kind: 'cut_off', subject: 'ann', cutoffS: 100, expiresAtMs: 9_000 } as const;

  test('is only ever raised, in its second and in its expiry', () => {
    const { row } = applyRequest(undefined, request, NOW_MS);
    expect(row).toMatchObject({ cutoffS: 100, expiresAtMs: 9_000 });
    expect(applyRequest(row, { ...request, cutoffS: 99 }, NOW_MS)).toEqual({ row });
    expect(applyRequest(row, { ...request, cutoffS: 101, expiresAtMs: 1 }, NOW_MS).write).toMatchObject({
      ...{ cutoffS: 101, expiresAtMs: 9_000 },
    });
    expect(applyRequest(row, { ...request, cutoffS: 1, expiresAtMs: 9_001 }, NOW_MS).write).toMatchObject({
      ...{ cutoffS: 100, expiresAtMs: 9_001 },
    });
  });
});

test('of several requests of one record, the first that revokes is the one that revoked it, and one write is left', () => {
  const requests: LedgerRequest[] = [
    { kind: 'store', jti: 'a', subject: 'ann', expiresAtMs: 50, purpose: 'user' },
    { kind: 'revoke', jti: 'a', expiresAtMs: 60 },
    { kind: 'revoke', jti: 'a', expiresAtMs: 60 },
    { kind: 'revoke_stored', jti: 'a', subject: 'ann', filter: {} },
  ];
  const { write, outcomes } = applyAll(undefined, requests, NOW_MS);
  expect(outcomes.map(({ answer }) => answer)).toEqual([undefined, 'revoked', 'already_revoked', 'already_revoked']);
  expect(write).toMatchObject({ purpose: 'user', expiresAtMs: 60, revokedAtMs: NOW_MS, stored: true });
  expect(applyAll(write, requests.slice(1), NOW_MS).write).toBeUndefined();
});
