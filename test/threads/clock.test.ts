/**
 * Steps of the wall clock: an actor corrects its token, and where there is none
 * the supervisor takes it back (the row P6
 * of docs/explanation/failure-model.md). Each thread has a Date of its own, so each can have its own time.
 */
import { afterEach, expect, test } from 'vitest';
import { credential } from 'tokenvisor';
import { cleanUp, Control, eventually, mortal, supervise } from '../support/supervised.js';
import { order, trappedSupervisor } from '../support/trapped.js';
import { Death, Word } from './fixtures/deaths.mjs';

afterEach(cleanUp);

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
  await eventually('the token to be taken back', () => children.dead.peek() === undefined);
  expect(() => children.dead.current()).toThrow(expect.objectContaining({ code: 'PARKED' }));
  expect(children.alive.current().value).toBe('token-1');
  await children.dead.resume();
  expect((await children.dead.get()).value).toBe('token-2');
  expect(children.dead.current().generation).toBe(2);
});
