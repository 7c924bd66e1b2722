/**
 * Whatever dies, and whenever: what was answered as revoked stays so for every reader, and is found so by whoever asks
 * again. The store is one of a user's own, which fails and dies where a test wants it to.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { revocationLedger, type RevocationLedgerOptions } from 'tokenvisor/inbound';
import { killChildThread, killSupervisorThread } from 'tokenvisor/testing';
import { forge } from '../support/signed-tokens.js';
import { afterTest, cleanUp, Control, eventually, supervise } from '../support/supervised.js';
import { Point, StoreWord } from './fixtures/faulty-store.mjs';

afterEach(cleanUp);

const newStore = ({ exclusive = true } = {}) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'tokenvisor-ledger-'));
  afterTest(() => rmSync(folder, { recursive: true }));
  const control = new Control();
  const module = new URL('./fixtures/faulty-store.mjs', import.meta.url);
  const options = { file: path.join(folder, 'records.json'), control: control.buffer, exclusive };
  return { control, store: { module, options } };
};

const start = async <const Options extends RevocationLedgerOptions>(options: Options) => {
  const { supervisor, heard } = await supervise({ revoked: revocationLedger(options) });
  const { revoked } = supervisor.children;
  return { supervisor, heard, revoked };
};

const codeOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    (value) => value,
    (error: unknown) => (error as { code: unknown }).code,
  );

describe('the actor dies', () => {
  test.each([
    ['before the record is durable', Point.BEFORE_WRITE, 'revoked'],
    ['when it is durable and no reader sees it', Point.DURABLE, 'already_revoked'],
    ['when readers see it', Point.PUBLISHED, 'already_revoked'],
  ] as const)('%s', async (_when, point, then) => {
    const { control, store } = newStore();
    const { supervisor, heard, revoked } = await start({ store });
    await supervisor.ready();
    await revoked.revokeJti('before');
    control.set(StoreWord.DIE, point);
    const answer = await codeOf(revoked.revokeJti('a', { subject: 'ann' }));
    // Which of the two, if it was published, is a matter of who is quicker: the answer or the death.
    expect(point === Point.PUBLISHED ? ['revoked', 'ACTOR_DOWN'] : ['ACTOR_DOWN']).toContain(answer);
    // Readers are not paused, and what they saw they go on seeing.
    expect([revoked.isJtiRevoked('before'), revoked.isJtiRevoked('other')]).toEqual([true, false]);
    await heard.next('child:restarted');
    if (point !== Point.BEFORE_WRITE) await eventually('its revocation', () => revoked.isJtiRevoked('a'));
    expect(await revoked.revokeJti('a')).toBe(then);
    expect([revoked.isJtiRevoked('a'), revoked.isJtiRevoked('before')]).toEqual([true, true]);
    if (point !== Point.PUBLISHED) expect(await heard.next('ledger:revoked')).toMatchObject({ jti: 'before' });
    const told = await heard.next('ledger:revoked');
    if (point === Point.DURABLE) expect(told).toMatchObject({ jti: 'a', subject: 'ann' });
  });

  test('with a ledger in memory: revocations survive, and are found again; other records do not', async () => {
    const { supervisor, heard, revoked } = await start({
      ...{ requireStored: true, cutoffs: true, maxTokenLifetimeMs: 60_000 },
    });
    await supervisor.ready();
    const token = forge({}, { jti: 'stored', sub: 'ann' });
    const claims = { subject: 'ann', issuedAtMs: Date.now() + 60_000 };
    await revoked.storeToken(token, { purpose: 'user' });
    await revoked.revokeJti('a');
    await revoked.revokeAllForSubject('bob');
    expect(revoked.isJtiRevoked('stored', claims)).toBe(false);
    await killChildThread(supervisor, 'revoked');
    await heard.next('child:restarted');
    await supervisor.ready();
    expect(revoked.isJtiRevoked('a', claims)).toBe(true);
    // It could not be revoked by subject any more, so it is not accepted.
    await eventually('the new era', () => revoked.isJtiRevoked('stored', claims));
    expect(await revoked.getToken({ jti: 'stored' })).toBeUndefined();
    expect(await revoked.revokeJti('a')).toBe('already_revoked');
    await revoked.storeToken(forge({}, { jti: 'a' }), { purpose: 'user' });
    expect(revoked.isJtiRevoked('a', claims)).toBe(true);
    await revoked.storeToken(forge({}, { jti: 'b', sub: 'bob' }), { purpose: 'user' });
    expect(revoked.isJtiRevoked('b', { subject: 'bob' })).toBe(true);
    await revoked.storeToken(token, { purpose: 'user' });
    expect(revoked.isJtiRevoked('stored', claims)).toBe(false);
  });

  test('again and again, under revocations: none that was answered is lost', async () => {
    const { control, store } = newStore();
    const { supervisor, heard, revoked } = await start({ store, maxRestarts: 100 });
    await supervisor.ready();
    const acknowledged: string[] = [];
    const lost = (): string[] => acknowledged.filter((jti) => !revoked.isJtiRevoked(jti));
    for (let round = 0; round < 6; round += 1) {
      const jtis = Array.from({ length: 20 }, (_, at) => `round-${round}-${at}`);
      control.set(StoreWord.DIE, (round % 3) + 1);
      const answers = await Promise.all(jtis.map((jti) => codeOf(revoked.revokeJti(jti))));
      acknowledged.push(...jtis.filter((_, at) => answers[at] === 'revoked'));
      expect(lost()).toEqual([]);
      await heard.next('child:restarted');
      await supervisor.ready();
      // Asked again, each is revoked once: now, or then.
      const again = await Promise.all(jtis.map((jti) => revoked.revokeJti(jti)));
      for (const [at, answer] of again.entries()) if (answers[at] === 'revoked') expect(answer).toBe('already_revoked');
      acknowledged.push(...jtis);
    }
    expect(lost()).toEqual([]);
  });
});

test('the supervisor thread dies: readers go on, and so do revocations, with the next one', async () => {
  const { supervisor, heard, revoked } = await start({ store: newStore().store });
  await supervisor.ready();
  await revoked.revokeJti('a');
  await killSupervisorThread(supervisor);
  await heard.next('supervisor:exited');
  expect([revoked.isJtiRevoked('a'), revoked.isJtiRevoked('b')]).toEqual([true, false]);
  await heard.next('supervisor:restarted');
  await eventually('an actor', () => revoked.status().incarnation === 2 && revoked.status().state === 'running');
  expect(await revoked.revokeJti('a')).toBe('already_revoked');
  expect(await revoked.revokeJti('b')).toBe('revoked');
  expect([revoked.isJtiRevoked('a'), revoked.isJtiRevoked('b')]).toEqual([true, true]);
});

describe('the store is away', () => {
  test('at the start: all is revoked, that is told, calls are refused; when it comes, all is there', async () => {
    const { control, store } = newStore();
    const before = await start({ store });
    await before.supervisor.ready();
    await before.revoked.revokeJti('a');
    await before.supervisor.close();
    control.set(StoreWord.AWAY, 1);
    const { supervisor, heard, revoked } = await start({ store });
    expect(await codeOf(revoked.revokeJti('b'))).toBe('STORE_UNAVAILABLE');
    expect(await heard.next('ledger:store-failed')).toMatchObject({
      during: 'open',
      error: { code: 'STORE_UNAVAILABLE' },
    });
    expect(await heard.next('ledger:closed')).toMatchObject({ error: { message: 'the engine is away' } });
    expect([revoked.isJtiRevoked('a'), revoked.isJtiRevoked('b')]).toEqual([true, true]);
    const lastFailure = { during: 'open', message: 'the engine is away', code: 'STORE_UNAVAILABLE' };
    expect(revoked.status()).toMatchObject({ open: false, validUntilMs: 0, lastFailure });
    await expect(supervisor.ready({ timeoutMs: 10 })).rejects.toMatchObject({
      ...{ code: 'TIMEOUT', child: 'revoked', cause: { code: 'STORE_UNAVAILABLE' } },
      message: "Not ready within 10 ms: 'revoked' can't serve yet. 'revoked': the engine is away",
    });
    expect(await heard.next('ledger:refused')).toMatchObject({ malformed: 0, closed: 2 });
    control.set(StoreWord.AWAY, 0);
    await supervisor.ready();
    expect(await heard.next('ledger:opened')).toMatchObject({ size: 1 });
    await eventually('no failure', () => revoked.status().lastFailure === undefined);
    expect([revoked.isJtiRevoked('a'), revoked.isJtiRevoked('b')]).toEqual([true, false]);
    // What was there at the start is no news.
    expect(heard.of('ledger:revoked')).toEqual([]);
    // Once, however often it was tried.
    expect(heard.of('ledger:store-failed')).toHaveLength(1);
  });

  test.each([
    ['comes', 0, 'revoked'],
    ['does not come', 1, 'STORE_UNAVAILABLE'],
  ] as const)('a call that is made before it was ever opened waits until it %s', async (_what, isAway, answer) => {
    const { control, store } = newStore();
    control.set(StoreWord.HOLD, 1);
    const { revoked } = await start({ store });
    const asked = codeOf(revoked.revokeJti('a'));
    expect(await codeOf(revoked.getToken({ jti: 'a' }, { timeoutMs: 50 }))).toBe('CALL_TIMEOUT');
    control.set(StoreWord.AWAY, isAway);
    control.set(StoreWord.HOLD, 0);
    expect(await asked).toBe(answer);
  });

  test('for a start after a stop: nothing is believed that was known before it', async () => {
    const { control, store } = newStore();
    const { supervisor, revoked } = await start({ store });
    await supervisor.ready();
    await supervisor.terminateChild('revoked');
    control.set(StoreWord.HOLD, 1);
    await supervisor.restartChild('revoked');
    expect([revoked.isJtiRevoked('a'), revoked.status().open]).toEqual([true, false]);
    control.set(StoreWord.HOLD, 0);
    await supervisor.ready();
    expect([revoked.isJtiRevoked('a'), revoked.status().open]).toEqual([false, true]);
  });

  test('a while, and nobody else writes to it: reads go on, revocations are refused, then not', async () => {
    const { control, store } = newStore();
    const { supervisor, revoked } = await start({ store });
    await supervisor.ready();
    await revoked.revokeJti('a');
    control.set(StoreWord.AWAY, 1);
    expect(await codeOf(revoked.revokeJti('b'))).toBe('STORE_UNAVAILABLE');
    expect(await codeOf(revoked.revokeAllForSubject('ann'))).toBe('STORE_UNAVAILABLE');
    expect(await codeOf(revoked.expungeExpired())).toBe('STORE_UNAVAILABLE');
    expect([revoked.isJtiRevoked('a'), revoked.isJtiRevoked('b')]).toEqual([true, false]);
    control.set(StoreWord.AWAY, 0);
    expect(await revoked.revokeJti('b')).toBe('revoked');
  });

  test('and loses the answer of a write: it is refused, looked up, and every reader sees it', async () => {
    const { control, store } = newStore();
    const { supervisor, heard, revoked } = await start({ store });
    await supervisor.ready();
    control.set(StoreWord.LOSE_ANSWERS, 1);
    expect(await codeOf(revoked.revokeJti('a', { subject: 'ann' }))).toBe('STORE_UNAVAILABLE');
    expect(await heard.next('ledger:revoked')).toMatchObject({ jti: 'a', subject: 'ann' });
    expect(revoked.isJtiRevoked('a')).toBe(true);
    control.set(StoreWord.LOSE_ANSWERS, 0);
    expect(await revoked.revokeJti('a')).toBe('already_revoked');
  });

  test('for too long, and others write to it: reads go on for so long, then all is revoked, then open again by itself', async () => {
    const { control, store } = newStore({ exclusive: false });
    const { supervisor, heard, revoked } = await start({ store, maxStalenessMs: 2_000 });
    await supervisor.ready();
    await revoked.revokeJti('a');
    control.set(StoreWord.AWAY, 1);
    const awayAtMs = Date.now();
    expect(revoked.isJtiRevoked('b')).toBe(false);
    await heard.next('ledger:store-failed');
    expect(revoked.isJtiRevoked('b')).toBe(false);
    expect(await heard.next('ledger:closed')).toMatchObject({ error: { code: 'STORE_UNAVAILABLE' } });
    expect(Date.now() - awayAtMs).toBeLessThan(2_500);
    expect([revoked.isJtiRevoked('b'), supervisor.health().status]).toEqual([true, 'down']);
    control.set(StoreWord.AWAY, 0);
    await heard.next('ledger:opened');
    await heard.next('ledger:opened');
    expect([revoked.isJtiRevoked('a'), revoked.isJtiRevoked('b'), supervisor.health().status]).toEqual([
      true,
      false,
      'ok',
    ]);
  });

  test('and its actor is restarted: readers have what they had, until it is too old', async () => {
    const { control, store } = newStore({ exclusive: false });
    const { supervisor, heard, revoked } = await start({ store, maxStalenessMs: 2_000 });
    await supervisor.ready();
    await revoked.revokeJti('a');
    control.set(StoreWord.AWAY, 1);
    await killChildThread(supervisor, 'revoked');
    await heard.next('child:exited');
    expect([revoked.isJtiRevoked('a'), revoked.isJtiRevoked('b')]).toEqual([true, false]);
    await heard.next('child:restarted');
    await heard.next('ledger:closed');
    expect(revoked.isJtiRevoked('b')).toBe(true);
    control.set(StoreWord.AWAY, 0);
    await eventually('it open', () => !revoked.isJtiRevoked('b'));
    expect(revoked.isJtiRevoked('a')).toBe(true);
  });
});

test('what another process revokes is seen, and told, within maxStalenessMs', async () => {
  const { store } = newStore({ exclusive: false });
  const [one, other] = [await start({ store, maxStalenessMs: 2_000 }), await start({ store, maxStalenessMs: 2_000 })];
  for (const { supervisor } of [one, other]) await supervisor.ready();
  await one.revoked.storeToken(forge({}, { jti: 'a', sub: 'ann' }), { purpose: 'user' });
  await one.revoked.revokeJti('a');
  const answeredMs = Date.now();
  expect(await other.heard.next('ledger:revoked')).toMatchObject({ jti: 'a', subject: 'ann', purpose: 'user' });
  expect(Date.now() - answeredMs).toBeLessThan(2_000);
  expect(other.revoked.isJtiRevoked('a')).toBe(true);
  expect(await other.revoked.revokeJti('a')).toBe('already_revoked');
});
