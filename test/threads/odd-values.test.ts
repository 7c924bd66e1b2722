/** Values that no type checker has seen: as claims of a reader, and as raw messages on the port of a writer. */
import { afterEach, describe, expect, test } from 'vitest';
import { attach, type TransferableWriter } from 'tokenvisor';
import { breakGlass, revocationLedger, tokenSet, type RevocationLedger } from 'tokenvisor/inbound';
import { RemoteRef } from '../../dist/messaging/remote-ref.js';
import { forge } from '../support/signed-tokens.js';
import { afterTest, cleanUp, message, supervise, thread } from '../support/supervised.js';

afterEach(cleanUp);

const CUTOFFS = { cutoffs: true, maxTokenLifetimeMs: 3_600_000, graceMs: 60_000, maxEntries: 1_000 } as const;
const HOUR_MS = 3_600_000;

describe('a cutoff was not seen by a token that said oddly when it was issued', () => {
  const start = async (): Promise<RevocationLedger<true>> => {
    const { supervisor } = await supervise({ revoked: revocationLedger(CUTOFFS) });
    await supervisor.ready();
    const { revoked } = supervisor.children;
    await revoked.revokeAllForSubject('ann');
    return revoked;
  };
  const ODD: readonly (readonly [string, unknown])[] = [
    ...[Infinity, -Infinity, NaN, 1e300, 8.64e15, String(Date.now() + 10_000), '1e300', true, null].map(
      (odd) => [String(odd), odd] as const,
    ),
    ...[['a bigint', 10n ** 20n] as const, ['a date', new Date(8.64e15)] as const, ['a list', [1e15]] as const],
    ['an hour ahead', Date.now() + HOUR_MS],
  ];

  test('isJtiRevoked(), also in another thread', async () => {
    const revoked = await start();
    const asked = (issuedAtMs: unknown): boolean =>
      attach(revoked.handle()).isJtiRevoked('a', { subject: 'ann', issuedAtMs } as never);
    expect(ODD.filter(([, odd]) => !asked(odd)).map(([name]) => name)).toEqual([]);
    // What is later by less than the grace is of a clock that is ahead.
    expect([asked(Date.now() + 30_000), asked(Date.now() - HOUR_MS)]).toEqual([false, true]);
    const worker = thread('ledger-thread.mjs', { ledger: revoked.handle() });
    await message(worker);
    worker.postMessage({ method: 'isJtiRevoked', given: ['a', { subject: 'ann', issuedAtMs: Infinity }] });
    expect(await message(worker)).toEqual({ value: true });
  });

  test('isRevoked(), by a signed iat', async () => {
    const revoked = await start();
    const asked = (iat: number): boolean => revoked.isRevoked(forge({ alg: 'HS256' }, { jti: 'a', sub: 'ann', iat }));
    const nowS = Math.floor(Date.now() / 1_000);
    expect([nowS + 3_600, 1e12, 1e300, 1e306].map(asked)).toEqual([true, true, true, true]);
    expect([asked(nowS + 30), asked(nowS - 30)]).toEqual([false, true]);
  });

  test('claims that are others the second time they are read are read once', async () => {
    const revoked = await start();
    let reads = 0;
    const claims = {
      get subject() {
        return reads++ === 0 ? 'ann' : undefined;
      },
    };
    expect(revoked.isJtiRevoked('a', claims as never)).toBe(true);
    expect(reads).toBe(1);
    const throwing = {
      subject: 'ann',
      get issuedAtMs(): number {
        throw new Error('no');
      },
    };
    expect(() => revoked.isJtiRevoked('a', throwing)).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID' }) as Error,
    );
  });
});

/** The port of a writer, with what can be said on it raw. */
const rawly = (writer: TransferableWriter): ((message: unknown) => Promise<unknown>) => {
  const ref = new RemoteRef(writer, writer.port);
  afterTest(() => ref.close());
  return (raw) => ref.call(raw).catch((error: unknown) => (error as { code?: unknown }).code);
};

describe('a raw message on a writer’s port', () => {
  test('rewrote the request: a subject was locked out for good, an expiry that is no number was kept', async () => {
    const { supervisor, heard } = await supervise({ revoked: revocationLedger(CUTOFFS) });
    await supervisor.ready();
    const { revoked } = supervisor.children;
    const say = rawly(await revoked.writer());
    const facts = { jti: 'a', expiresAtMs: Date.now() + HOUR_MS };
    const cutOff = { ...facts, kind: 'cut_off', subject: 'ann', cutoffS: 2 ** 32 - 1, expiresAtMs: Infinity };
    // As what it says it is, and no more.
    expect(await say({ kind: 'revoke', facts: cutOff })).toBe('revoked');
    expect(await say({ kind: 'store', facts: { ...cutOff, jti: 'b' }, purpose: 'user' })).toMatchObject({ jti: 'b' });
    expect(revoked.isJtiRevoked('c', { subject: 'ann', issuedAtMs: Date.now() })).toBe(false);
    const strange = [
      ...[NaN, '1', -1, undefined, null, 1n].map((expiresAtMs) => ({
        kind: 'revoke',
        facts: { jti: 'd', expiresAtMs },
      })),
      ...['', 'x'.repeat(513), 1, null, {}].map((jti) => ({ kind: 'revoke', facts: { ...facts, jti } })),
      ...['', 1, null].map((subject) => ({ kind: 'revoke', facts: { ...facts, subject } })),
      { kind: 'revoke', facts: [facts] },
      { kind: 'revoke', token: 1 },
      { kind: 'revoke' },
      { kind: 'revoke_many', facts: Array.from({ length: 501 }, () => facts) },
      { kind: 'revoke_many', tokens: 'ab' },
      { kind: 'revoke_subject', subject: '', filter: {} },
      { kind: 'revoke_subject', subject: 'ann' },
      { kind: 'revoke_subject', subject: 'ann', filter: { includePurposes: 'user' } },
      { kind: 'store', facts, purpose: 1, extraData: 1 },
      { kind: 'store', facts, purpose: 'user', extraData: 'x'.repeat(65_535) },
      { kind: 'store_changes', facts, purpose: 'user', changes: { big: 1n } },
      { kind: 'get', jti: {} },
      { kind: 'get', jti: 'a', purpose: 1 },
      { kind: 'get_changes' },
      ...[0, 1.5, 1e9, '1', undefined].map((limit) => ({ kind: 'read_expired', limit })),
      ...[
        { kind: 'cut_off', subject: 'ann', cutoffS: 1, expiresAtMs: 1 },
        { kind: '__proto__' },
        {},
        null,
        7,
        'revoke',
      ],
      new Map([['kind', 'expunge']]),
    ];
    const answers = await Promise.all(strange.map(say));
    expect(answers).toEqual(strange.map(() => 'CONFIG_INVALID'));
    expect(await say({ kind: 'revoke_many', facts: [facts, { jti: 'e', expiresAtMs: NaN }, null] })).toEqual({
      revoked: 0,
      alreadyRevoked: 1,
      refused: [1, 2],
    });
    expect(revoked.status()).toMatchObject({ incarnation: 1, size: 1 });
    expect(heard.of('child:exited')).toEqual([]);
    expect(await revoked.getToken({ jti: 'd' })).toBeUndefined();
  });

  test('ended the actor of a token set', async () => {
    const { children, heard } = await supervise({ sessions: tokenSet({ maxEntries: 1_000 }) });
    await children.sessions.insert('kept');
    const say = rawly(await children.sessions.writer());
    const shared = new Int32Array(new SharedArrayBuffer(20));
    const rows = [
      undefined,
      null,
      [1, 2, 3, 4, 5],
      new Int32Array(4),
      new Uint8Array(20),
      new Int32Array(5_005),
      shared,
    ];
    const strange = [
      ...rows.map((each) => ({ kind: 'set', rows: each, keepMeta: false })),
      ...rows.map((each) => ({ kind: 'remove', rows: each })),
      ...[...rows, new Int32Array(10)].map((each) => ({ kind: 'exists', rows: each })),
      { kind: 'set', rows: new Int32Array(5), keepMeta: 1 },
      ...[{ kind: 'other' }, {}, null, 1, 'clear'],
    ];
    expect(await Promise.all(strange.map(say))).toEqual(strange.map(() => 'CONFIG_INVALID'));
    expect(children.sessions.status()).toMatchObject({ incarnation: 1, size: 1 });
    expect(heard.of('child:exited')).toEqual([]);
  });

  test('ended the actor of a break-glass token, and so the token', async () => {
    const { children, heard } = await supervise({ glass: breakGlass() });
    const { token } = await children.glass.buildAndStore();
    const say = rawly(await children.glass.writer());
    const strange = [
      ...[undefined, null, 'x', new Uint8Array(31), new Uint8Array(33), [1]].map((digest) => ({
        kind: 'delete',
        digest,
      })),
      ...[undefined, NaN, 0.5, {}].map((clears) => ({ kind: 'build', clears })),
      ...[{}, null, 1, { kind: 'clear' }],
    ];
    expect(await Promise.all(strange.map(say))).toEqual(strange.map(() => 'CONFIG_INVALID'));
    expect(children.glass.lookup(token)).toBeDefined();
    expect(heard.of('child:exited')).toEqual([]);
  });
});
