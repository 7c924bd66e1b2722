/**
 * Steps of the wall clock: an actor corrects its token, and where there is none
 * the supervisor takes it back (the row P6
 * of docs/explanation/failure-model.md). Each thread has a Date of its own, so each can have its own time.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setEnvironmentData } from 'node:worker_threads';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { credential } from 'tokenvisor';
import { revocationLedger } from 'tokenvisor/inbound';
import { killChildThread } from 'tokenvisor/testing';
import { afterTest, cleanUp, Control, eventually, mortal, supervise } from '../support/supervised.js';
import { order, trappedSupervisor } from '../support/trapped.js';
import { Death, Word } from './fixtures/deaths.mjs';
import { StoreWord } from './fixtures/faulty-store.mjs';

afterEach(cleanUp);
afterEach(() => vi.restoreAllMocks());

const stepping = (step: SharedArrayBuffer) =>
  credential({
    provider: { module: new URL('./fixtures/stepping-provider.mjs', import.meta.url), export: 'provider' },
    options: { step },
  });

test.each([
  // A clock that is set back would let the token live too long; one that is set forward can't be told from a suspend.
  ['back: its end moves with the clock', -600_000, -600_000],
  ['forward: its end stays, so that it has aged', 600_000, 0],
])('a step in the actor, %s', async (_way, byMs, movedMs) => {
  const step = new SharedArrayBuffer(8);
  const { children, heard } = await supervise({ stepped: stepping(step) });
  const before = await children.stepped.get();
  Atomics.store(new Int32Array(step), 0, byMs);
  const told = await heard.next('clock:stepped');
  expect(Math.abs(told.byMs - byMs)).toBeLessThan(1_000);
  const after = children.stepped.current();
  expect(after).toMatchObject({ value: 'token-1', generation: before.generation });
  expect(Math.abs(after.expiresAtMs - before.expiresAtMs - movedMs)).toBeLessThan(1_000);
  expect(Atomics.load(new Int32Array(step), 1)).toBe(1);
});

test('P6: while no actor lives: the supervisor takes the token back; one that is tended keeps its own', async () => {
  const [dead, alive] = [new Control(), new Control()];
  const { supervisor, children, heard } = await supervise(
    { dead: mortal(dead, { maxRestarts: 0 }), alive: mortal(alive) },
    { workerUrl: trappedSupervisor(), parkMs: 3_600_000, parkMaxMs: 3_600_000 },
  );
  await supervisor.ready();
  dead.set(Word.DEATH, Death.THROW);
  await heard.next('child:parked');
  expect(children.dead.current().value).toBe('token-1');
  order({ kind: 'step', byMs: 60_000 });
  await eventually('the token to be taken back', () => children.dead.last() === undefined);
  expect(() => children.dead.current()).toThrow(expect.objectContaining({ code: 'PARKED' }));
  expect(children.alive.current().value).toBe('token-1');
  await children.dead.resume();
  expect((await children.dead.get()).value).toBe('token-2');
  expect(children.dead.current().generation).toBe(2);
});

/** A ledger on a store that others may write to, and the wall clock of all threads: readers', supervisor's, actor's. */
const sharedLedger = async (options: { readonly maxRestarts?: number } = {}) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'tokenvisor-clock-'));
  afterTest(() => rmSync(folder, { recursive: true }));
  const control = new Control();
  const store = {
    module: new URL('./fixtures/faulty-store.mjs', import.meta.url),
    options: { file: path.join(folder, 'records.json'), control: control.buffer, exclusive: false },
  };
  const { supervisor, children, heard } = await supervise(
    { revoked: revocationLedger({ store, ...options }) },
    { workerUrl: trappedSupervisor(), parkMs: 3_600_000, parkMaxMs: 3_600_000 },
  );
  await supervisor.ready();
  const step = (byMs: number): void => {
    const wall = Date.now;
    vi.spyOn(Date, 'now').mockImplementation(() => wall() + byMs);
    control.set(StoreWord.STEP, control.get(StoreWord.STEP) + byMs);
    order({ kind: 'step', byMs });
  };
  return { supervisor, heard, control, step, revoked: children.revoked };
};

/** As long as a look counts, and one more: the default of `maxStalenessMs`. */
const STALE_MS = 5_000;
const HOUR_MS = 3_600_000;

describe.each([
  ['back', -HOUR_MS],
  ['forth', HOUR_MS],
])('a revocation that a ledger has not seen, the wall clock set %s by an hour', (_way, byMs) => {
  test('while it has no actor: a revoked token was answered as not revoked, for an hour', async () => {
    const { supervisor, heard, revoked, step } = await sharedLedger({ maxRestarts: 0 });
    expect(revoked.isJtiRevoked('revoked elsewhere')).toBe(false);
    await killChildThread(supervisor, 'revoked');
    await heard.next('child:parked');
    step(byMs);
    // Not by the clock alone, which may be set again.
    await eventually('the ledger to be closed', () => revoked.status().validUntilMs === 0);
    expect(revoked.isJtiRevoked('revoked elsewhere')).toBe(true);
    await revoked.resume();
    await eventually('the ledger to be open', () => revoked.status().open);
    expect(revoked.isJtiRevoked('revoked elsewhere')).toBe(false);
  });

  test('while its store is away: it is closed in time, and told', async () => {
    const { heard, control, revoked, step } = await sharedLedger();
    control.set(StoreWord.AWAY, 1);
    step(byMs);
    const told = await heard.next('clock:stepped');
    expect(Math.abs(told.byMs - byMs)).toBeLessThan(1_000);
    expect(revoked.status().validUntilMs).toBeLessThan(Date.now() + STALE_MS);
    await eventually('the ledger to be closed', () => !revoked.status().open);
    control.set(StoreWord.AWAY, 0);
    await eventually('the ledger to be open', () => revoked.status().open);
  });
});

test('a revoked token was answered as not revoked, for an hour: its actors died before they had seen the step', async () => {
  const { supervisor, heard, control, revoked, step } = await sharedLedger({ maxRestarts: 1 });
  control.set(StoreWord.AWAY, 1);
  step(-HOUR_MS);
  await killChildThread(supervisor, 'revoked');
  await heard.next('child:restarted');
  await killChildThread(supervisor, 'revoked');
  await heard.next('child:parked');
  await eventually('the ledger to be closed', () => !revoked.status().open);
  expect(revoked.status().validUntilMs).toBe(0);
});

test('P8: a step while the supervisor thread is dead, and the child parked: the next one takes the token back', async () => {
  const dead = new Control();
  const { supervisor, children, heard } = await supervise(
    { dead: mortal(dead, { maxRestarts: 0 }) },
    { workerUrl: trappedSupervisor(), parkMs: 3_600_000, parkMaxMs: 3_600_000 },
  );
  await supervisor.ready();
  dead.set(Word.DEATH, Death.THROW);
  await heard.next('child:parked');
  // The next supervisor thread finds another clock.
  setEnvironmentData('tokenvisor-test-step', 60_000);
  afterTest(() => setEnvironmentData('tokenvisor-test-step', undefined));
  order({ kind: 'die' });
  await heard.next('supervisor:restarted');
  await eventually('the token to be taken back', () => children.dead.last() === undefined);
});
