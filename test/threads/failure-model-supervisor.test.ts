/** The rows S1 to S11 of docs/explanation/failure-model.md: the supervisor thread dies, and its successor adopts. */
import { afterEach, expect, test } from 'vitest';
import { actor, credential, startSupervisor, type Credential, type TokenSupervisor } from 'tokenvisor';
import { killChildThread, killSupervisorThread } from 'tokenvisor/testing';
import { cleanUp, Control, eventually, makeGate, mortal, readAllTheTime, supervise } from '../support/supervised.js';
import { noMoreTraps, order, setTrap, trappedSupervisor } from '../support/trapped.js';
import { Death, Word } from './fixtures/deaths.mjs';

afterEach(cleanUp);

const fixture = (name: string): URL => new URL(`./fixtures/${name}`, import.meta.url);

const scripted = (options: object = {}, child: object = {}) =>
  actor({ behaviour: { module: fixture('scripted-actor.mjs'), export: 'scripted' }, options, ...child });

const summaryOf = async (supervisor: TokenSupervisor, name: string) =>
  (await supervisor.whichChildren()).find((child) => child.name === name);

test('S1: idle: its successor starts every child, they adopt, and none mints', async () => {
  const [first, second] = [new Control(), new Control()];
  const { supervisor, children, heard } = await supervise({
    first: mortal(first),
    second: mortal(second),
    own: scripted(),
  });
  await supervisor.ready();
  const reader = await readAllTheTime(children.first);
  await killSupervisorThread(supervisor);
  expect(children.first.current().value).toBe('token-1');
  expect(await heard.next('supervisor:exited')).toMatchObject({ restartInMs: 0 });
  await heard.next('supervisor:restarted');
  for (const name of ['first', 'second', 'own']) {
    expect(await heard.next('child:restarted', name)).toMatchObject({ incarnation: 2 });
    // It did not die of itself: no restart of its own is counted.
    expect(await summaryOf(supervisor, name)).toMatchObject({ phase: 'running', incarnation: 2, restarts: 0 });
  }
  expect(await children.own.call('hello')).toBe('hello');
  await eventually('both have adopted', () => first.get(Word.OPENED) === 2 && second.get(Word.OPENED) === 2);
  expect([first.get(Word.MINTS), second.get(Word.MINTS)]).toEqual([1, 1]);
  expect(Object.keys(await reader.stop())).toEqual(['token-1']);
  expect(children.first.current().generation).toBe(1);
  expect(supervisor.health().status).toBe('ok');
});

test('S1: by an error of its own; a call under way rejects with ACTOR_DOWN', async () => {
  const kinds = { module: fixture('kinds.mjs'), export: 'mortal' };
  const { children, heard } = await supervise(
    { own: actor({ behaviour: kinds, options: new Control().buffer }) },
    { workerUrl: trappedSupervisor() },
  );
  const call = expect(children.own.call('never answered', { timeoutMs: 60_000 })).rejects.toMatchObject({
    code: 'ACTOR_DOWN',
  });
  order({ kind: 'throw' });
  await call;
  expect(await heard.next('supervisor:exited')).toMatchObject({
    error: { name: 'RangeError', message: 'thrown in the supervisor thread' },
  });
  await heard.next('child:restarted');
  expect(await children.own.call('hello')).toBe('hello');
});

test('S2: with a child parked: it stays parked, and due when it was due', async () => {
  const { supervisor, children, heard } = await supervise(
    { parked: scripted({ value: 'kept' }, { maxRestarts: 0 }), other: scripted() },
    { parkMs: 3_600_000, parkMaxMs: 3_600_000 },
  );
  children.parked.cast({ kind: 'throw' });
  await heard.next('child:parked');
  const before = await summaryOf(supervisor, 'parked');
  expect(before).toMatchObject({ phase: 'parked', incarnation: 1, parkedTimes: 1 });
  await killSupervisorThread(supervisor);
  await heard.next('supervisor:restarted');
  await heard.next('child:restarted', 'other');
  expect(await summaryOf(supervisor, 'parked')).toEqual(before);
  expect(children.parked.status().state).toBe('parked');
  expect(children.parked.snapshot()).toBe('kept');
  await children.parked.resume();
  await heard.next('child:restarted', 'parked');
  expect(await summaryOf(supervisor, 'parked')).toMatchObject({ phase: 'running', incarnation: 2, parkedTimes: 0 });
});

test('S2: and is tried again by the successor when it is due', async () => {
  const { supervisor, children, heard } = await supervise(
    { parked: scripted({}, { maxRestarts: 0 }) },
    { parkMs: 1_500, parkMaxMs: 1_500 },
  );
  children.parked.cast({ kind: 'throw' });
  await heard.next('child:parked');
  await killSupervisorThread(supervisor);
  await heard.next('supervisor:restarted');
  expect(children.parked.status()).toMatchObject({ state: 'parked', incarnation: 1 });
  expect(await heard.next('child:resumed')).toMatchObject({ by: 'probe' });
  expect(await heard.next('child:restarted')).toMatchObject({ incarnation: 2 });
});

test.each([
  ['with no token', 0, 'PARKED'],
  ['with a good token', 1, undefined],
] as const)('S3: with a credential parked for a fatal answer, %s: no request goes out', async (_what, good, code) => {
  const asked = new SharedArrayBuffer(4);
  const count = (): number => Atomics.load(new Int32Array(asked), 0);
  const { supervisor, children, heard } = await supervise({
    refused: credential({ provider: fixture('fatal-provider.mjs'), options: { asked, good } }),
  });
  if (good > 0) await children.refused.get();
  const outcome = children.refused.refresh().catch((error: unknown) => error);
  await heard.next('child:parked');
  expect(await outcome).toMatchObject({ code: 'PARKED' });
  const before = children.refused.status();
  await killSupervisorThread(supervisor);
  await heard.next('supervisor:restarted');
  await heard.next('child:restarted');
  await eventually('it has adopted', () => children.refused.status().state === 'parked');
  const { lastFailure, generation, attempts } = before;
  const after = children.refused.status();
  expect(after).toMatchObject({ lastFailure, generation, attempts, incarnation: 2, parked: { why: 'fatal_answer' } });
  // An instant of monotonic time, told on the wall clock: it may differ by its rounding.
  expect(Math.abs(after.parked!.probeAtMs! - before.parked!.probeAtMs!)).toBeLessThan(100);
  if (code) expect(() => children.refused.current()).toThrow(expect.objectContaining({ code }));
  else expect(children.refused.current().value).toBe('token-1');
  expect(count()).toBe(good + 1);
});

test('S4: with a child stopped by terminateChild: it stays stopped', async () => {
  const control = new Control();
  const { supervisor, children, heard } = await supervise({ stopped: mortal(control), other: scripted() });
  await supervisor.ready();
  await supervisor.terminateChild('stopped');
  const before = await summaryOf(supervisor, 'stopped');
  await killSupervisorThread(supervisor);
  await heard.next('child:restarted', 'other');
  expect(await summaryOf(supervisor, 'stopped')).toEqual(before);
  expect(() => children.stopped.current()).toThrow(expect.objectContaining({ code: 'STOPPED' }));
  await supervisor.restartChild('stopped');
  expect((await children.stopped.get()).value).toBe('token-2');
});

test('S4: in mid-stop: the stop is finished, not forgotten', async () => {
  const { supervisor, heard } = await supervise({
    slow: scripted({ terminateMs: -1 }, { shutdown: 'infinity' }),
    other: scripted(),
  });
  const stop = expect(supervisor.terminateChild('slow')).rejects.toMatchObject({ code: 'ACTOR_DOWN' });
  await heard.next('test:terminating' as never);
  await killSupervisorThread(supervisor);
  await stop;
  await heard.next('child:restarted', 'other');
  expect(await summaryOf(supervisor, 'slow')).toMatchObject({ phase: 'stopped', incarnation: 1 });
  expect(heard.of('child:restarted', 'slow')).toEqual([]);
});

test('S5: between a death and its restart: the successor starts it when it was due', async () => {
  const control = new Control();
  const { supervisor, children, heard } = await supervise(
    { mortal: mortal(control) },
    { workerUrl: trappedSupervisor() },
  );
  await supervisor.ready();
  control.set(Word.DEATH, Death.THROW);
  await heard.next('child:restarted');
  await eventually('it obeys', () => control.get(Word.OPENED) === 2);
  // The second restart within the period is one that waits.
  await setTrap({ at: 'due' });
  control.set(Word.DEATH, Death.THROW);
  await heard.next('supervisor:exited');
  expect(children.mortal.current().value).toBe('token-1');
  const { dueMonoMs = Infinity } = (await summaryOf(supervisor, 'mortal'))!;
  await heard.next('supervisor:restarted');
  expect(await heard.next('child:restarted')).toMatchObject({ incarnation: 3 });
  const [seconds, nanoseconds] = process.hrtime();
  expect(seconds * 1_000 + nanoseconds / 1e6).toBeGreaterThanOrEqual(dueMonoMs);
  expect(await summaryOf(supervisor, 'mortal')).toMatchObject({ phase: 'running', restarts: 2 });
  expect(control.get(Word.MINTS)).toBe(1);
});

test('S6: with an incarnation recorded and no thread for it: its number is never used', async () => {
  const control = new Control();
  const { supervisor, children, heard } = await supervise(
    { mortal: mortal(control) },
    { workerUrl: trappedSupervisor() },
  );
  await supervisor.ready();
  await setTrap({ at: 'spawn' });
  control.set(Word.DEATH, Death.THROW);
  await heard.next('supervisor:exited');
  expect(children.mortal.current().value).toBe('token-1');
  expect(children.mortal.status()).toMatchObject({ incarnation: 2 });
  expect(await heard.next('child:restarted')).toMatchObject({ incarnation: 3 });
  expect(control.get(Word.MINTS)).toBe(1);
});

test.each([1, 2, 3])('S7: in mid-fence, beside a zombie, after compareExchange %i', async (after) => {
  const control = new Control();
  const gate = makeGate();
  const { supervisor, children, heard } = await supervise(
    { mortal: mortal(control, { fifo: gate.fifo, hangTimeoutMs: 400 }) },
    { workerUrl: trappedSupervisor(), zombieAfterMs: 100 },
  );
  await supervisor.ready();
  await setTrap({ at: 'fence', after });
  control.set(Word.DEATH, Death.CHILD_PROCESS);
  await eventually('the zombie', () => children.mortal.status().incarnation === 2);
  expect(children.mortal.current().value).toBe('token-1');
  // The thread's own exit waits for the zombie's.
  expect(heard.of('supervisor:exited')).toEqual([]);
  gate.release();
  await heard.next('supervisor:restarted');
  expect(await heard.next('child:restarted')).toMatchObject({ incarnation: 3 });
  await eventually('it has adopted', () => control.get(Word.OPENED) === 2);
  expect(children.mortal.current()).toMatchObject({ value: 'token-1', generation: 1 });
  expect(control.get(Word.MINTS)).toBe(1);
  expect((await children.mortal.refresh()).value).toBe('token-2');
});

test('S8: with a command under way: it rejects with ACTOR_DOWN, nothing of it is left, and it may be repeated', async () => {
  const control = new Control();
  const { supervisor, heard } = await supervise({ other: scripted() }, { workerUrl: trappedSupervisor() });
  await setTrap({ at: 'startChild' });
  const started = supervisor.startChild('late', mortal(control));
  const { late: held } = supervisor.children as unknown as { late: Credential };
  const waiting = expect(held.get()).rejects.toMatchObject({ code: 'STOPPED' });
  await expect(started).rejects.toMatchObject({ code: 'ACTOR_DOWN' });
  await waiting;
  await heard.next('child:restarted', 'other');
  expect(supervisor.children).not.toHaveProperty('late');
  expect((await supervisor.whichChildren()).map(({ name }) => name)).toEqual(['other']);
  const late = await supervisor.startChild('late', mortal(control));
  expect((await late.get()).value).toBe('token-1');
});

test('S9: while main is blocked: tokens to their end; the restart is at its next turn', async () => {
  const control = new Control();
  const { supervisor, children, heard } = await supervise(
    { mortal: mortal(control) },
    { workerUrl: trappedSupervisor() },
  );
  await supervisor.ready();
  const reader = await readAllTheTime(children.mortal);
  const seen = new Set<string>();
  order({ kind: 'die' });
  const untilMs = performance.now() + 700;
  while (performance.now() < untilMs) seen.add(children.mortal.current().value);
  expect([...seen]).toEqual(['token-1']);
  expect(heard.of('supervisor:exited')).toEqual([]);
  expect(control.get(Word.OPENED)).toBe(1);
  await heard.next('supervisor:exited');
  await heard.next('child:restarted');
  expect(Object.keys(await reader.stop())).toEqual(['token-1']);
  expect(control.get(Word.MINTS)).toBe(1);
});

test('S10: hung: main ends it after ten seconds of silence, and its successor adopts', async () => {
  const control = new Control();
  const { supervisor, children, heard } = await supervise(
    { mortal: mortal(control) },
    { workerUrl: trappedSupervisor() },
  );
  await supervisor.ready();
  order({ kind: 'hang' });
  expect(await heard.next('supervisor:exited')).toMatchObject({
    error: { message: expect.stringContaining('silent') as string },
  });
  expect(children.mortal.current().value).toBe('token-1');
  await heard.next('supervisor:restarted');
  await heard.next('child:restarted');
  expect(control.get(Word.MINTS)).toBe(1);
});

test('S11: during the first start: START_FAILED, and nothing is left', async () => {
  const workerUrl = trappedSupervisor({ at: 'start' });
  const control = new Control();
  await expect(startSupervisor({ mortal: mortal(control) }, { workerUrl })).rejects.toMatchObject({
    code: 'START_FAILED',
    cause: { code: 'ACTOR_DOWN' },
  });
  expect(process.getActiveResourcesInfo().filter((type) => type === 'MessagePort')).toEqual([]);
  noMoreTraps();
  const { supervisor } = await supervise({ mortal: mortal(control) }, { workerUrl });
  await supervisor.ready();
});

test('three supervisor threads are replaced at once; a restart of a child is not one of them', async () => {
  const { supervisor, children, heard } = await supervise({ own: scripted() });
  for (let death = 1; death <= 3; death += 1) {
    await killSupervisorThread(supervisor);
    expect(await heard.next('supervisor:exited')).toMatchObject({ restartInMs: 0 });
    await heard.next('child:restarted');
    await killChildThread(supervisor, 'own');
    await heard.next('child:restarted');
  }
  await killSupervisorThread(supervisor);
  const { restartInMs } = await heard.next('supervisor:exited');
  expect(restartInMs).toBeGreaterThan(30_000);
  expect(supervisor.health()).toMatchObject({ supervisor: 'restarting' });
  await expect(children.own.call('hello')).rejects.toMatchObject({ code: 'NO_PROC' });
  await expect(supervisor.terminateChild('own')).rejects.toMatchObject({ code: 'ACTOR_DOWN' });
  await supervisor.close();
  expect(children.own.status().state).toBe('stopped');
});
