/** The rows A1 to A3 and A9 to A12 of docs/explanation/failure-model.md: an actor dies, and its successor goes on. */
import { afterEach, expect, test } from 'vitest';
import { actor, attach } from 'tokenvisor';
import { serve, tokenAnswer } from '../support/http-server.js';
import { begun, cleanUp, Control, eventually, mortal, readAllTheTime, supervise } from '../support/supervised.js';
import { Death, Word } from './fixtures/deaths.mjs';

afterEach(cleanUp);

const kind = (name: string, options: object = {}) =>
  actor({ behaviour: { module: new URL('./fixtures/kinds.mjs', import.meta.url), export: name }, ...options });

test('A1: before its first mint: nothing to adopt, and the successor mints when it is asked', async () => {
  const control = new Control();
  const { children, heard } = await supervise({ lazy: mortal(control, { eager: false }) });
  control.set(Word.DEATH, Death.THROW);
  const { reason } = await heard.next('child:exited');
  expect(reason).toMatchObject({ kind: 'crash', error: { name: 'RangeError', message: 'thrown in a timer' } });
  expect(() => children.lazy.current()).toThrow(expect.objectContaining({ code: 'TOKEN_NOT_READY' }));
  await heard.next('child:restarted');
  expect(() => children.lazy.current()).toThrow(expect.objectContaining({ code: 'TOKEN_NOT_READY' }));
  expect(control.get(Word.MINTS)).toBe(0);
  expect((await children.lazy.get()).value).toBe('token-1');
  expect(children.lazy.status()).toMatchObject({ incarnation: 2, restarts: 1, attempts: 1, state: 'fresh' });
});

test('A1: waiters of before the death are released by the successor, which keeps to one request a second', async () => {
  const control = new Control();
  control.set(Word.HOLD, 1);
  const { children, heard } = await supervise({ held: mortal(control) });
  const attached = attach(children.held.handle());
  const waiters = [
    children.held.get({ timeoutMs: 15_000 }),
    attached.get({ timeoutMs: 15_000 }),
    children.held.refresh(),
  ];
  await eventually('the first mint', () => control.get(Word.MINTS) === 1);
  const startedAtMs = Date.now();
  control.set(Word.DEATH, Death.EXIT);
  expect((await heard.next('child:exited')).reason).toEqual({ kind: 'exit', code: 7 });
  control.set(Word.HOLD, 0);
  const tokens = await Promise.all(waiters);
  expect(tokens.map(({ value }) => value)).toEqual(['token-2', 'token-2', 'token-2']);
  expect(control.get(Word.MINTS)).toBe(2);
  await eventually('the events', () => heard.of('mint:started').length === 2);
  const [first, second] = heard.of('mint:started');
  expect([first?.attempt, second?.attempt]).toEqual([1, 2]);
  expect(second!.atMs - first!.atMs).toBeGreaterThanOrEqual(990);
  expect(tokens[0]!.issuedAtMs).toBeGreaterThanOrEqual(startedAtMs);
});

test.each([
  ['a throw in a timer', Death.THROW, { kind: 'crash', error: { name: 'RangeError', message: 'thrown in a timer' } }],
  ['an unhandled rejection', Death.REJECT, { kind: 'crash', error: { name: 'TypeError' } }],
  ['process.exit', Death.EXIT, { kind: 'exit', code: 7 }],
  ['its heap full', Death.HEAP, { kind: 'crash', error: { code: 'ERR_WORKER_OUT_OF_MEMORY' } }],
] as const)('A2: idle, by %s: the token is adopted, and read without a pause', async (_how, death, reason) => {
  const control = new Control();
  const { supervisor, children, heard } = await supervise({
    idle: mortal(control, { resourceLimits: { maxOldGenerationSizeMb: 24, maxYoungGenerationSizeMb: 4 } }),
  });
  await supervisor.ready();
  await eventually('its status', () => children.idle.status().mints === 1);
  const before = children.idle.status();
  const reader = await readAllTheTime(children.idle);
  control.set(Word.DEATH, death);
  expect((await heard.next('child:exited')).reason).toMatchObject(reason);
  expect(children.idle.current().value).toBe('token-1');
  await heard.next('child:restarted');
  const adopted = await begun(children.idle);
  expect(Object.keys(await reader.stop())).toEqual(['token-1']);
  const { generation, issuedAtMs, expiresAtMs, refreshAtMs, attempts, mints } = before;
  expect(adopted).toMatchObject({
    ...{ generation, issuedAtMs, expiresAtMs, refreshAtMs, attempts, mints },
    ...{ state: 'fresh', incarnation: 2, restarts: 1, lastExit: { reason } },
  });
  expect(control.get(Word.MINTS)).toBe(1);
  // It has adopted, and works.
  expect((await children.idle.refresh()).value).toBe('token-2');
});

test('A3: in a mint that can be repeated: the old token is read, and the successor mints for those who wait', async () => {
  let hold = false;
  await using server = await serve(() => ({
    ...tokenAnswer({ access_token: `access-${server.seen.length}`, expires_in: 3_600 }),
    ...(hold && { fault: 'silence' }),
  }));
  const control = new Control();
  const { clientCredentials } = await import('tokenvisor/providers');
  const grant = clientCredentials({ tokenEndpoint: `${server.origin}/token`, clientId: 'me', clientSecret: 'secret' });
  const { supervisor, children, heard } = await supervise({
    asking: mortal(control, {
      provider: { module: new URL('./fixtures/mortal-grant.mjs', import.meta.url), export: 'clientCredentials' },
      options: { control: control.buffer, grant: grant.options },
    }),
  });
  await supervisor.ready();
  hold = true;
  const waiting = children.asking.refresh({ timeoutMs: 15_000 });
  await eventually('the request', () => server.seen.length === 2);
  control.set(Word.DEATH, Death.REJECT);
  await heard.next('child:exited');
  expect(children.asking.current().value).toBe('access-1');
  hold = false;
  expect((await waiting).value).toBe('access-3');
  expect(server.seen).toHaveLength(3);
  await eventually('the events', () => heard.of('mint:started').length === 3);
  const attempts = heard.of('mint:started');
  expect(attempts.map(({ attempt }) => attempt)).toEqual([1, 2, 3]);
  expect(attempts[2]!.atMs - attempts[1]!.atMs).toBeGreaterThanOrEqual(990);
  await eventually('its status', () => children.asking.status().mints === 2);
  expect(children.asking.status()).toMatchObject({ attempts: 3, refreshes: 1, failures: 0, incarnation: 2 });
});

test('A9: with calls under way: they reject with ACTOR_DOWN, later ones with NO_PROC, casts are events', async () => {
  const control = new Control();
  const { children, heard } = await supervise({ a: kind('mortal', { options: control.buffer, maxRestarts: 0 }) });
  const calls = [children.a.call('never answered'), children.a.call('never answered', { timeoutMs: 15_000 })];
  const downs = calls.map((call) => expect(call).rejects.toMatchObject({ code: 'ACTOR_DOWN', child: 'a' }));
  control.set(Word.DEATH, Death.EXIT);
  await Promise.all(downs);
  await heard.next('child:parked');
  await expect(children.a.call('echo')).rejects.toMatchObject({ code: 'NO_PROC', child: 'a' });
  children.a.cast('anything');
  expect(await heard.next('cast:failed')).toMatchObject({ name: 'a', code: 'NO_PROC' });
  await children.a.resume();
  await heard.next('child:restarted');
  await eventually('the call port', () => heard.of('child:restarted').length === 1);
  expect(await children.a.call({ echo: 1 })).toEqual({ echo: 1 });
});

test('A10: past its intensity: its token to the end, then PARKED; tried again after longer and longer', async () => {
  const [often, once] = [new Control(), new Control()];
  const { supervisor, children, heard } = await supervise(
    { often: mortal(often, { maxRestarts: 1, maxSeconds: 30, lifeS: 2 }), once: mortal(once) },
    { parkMs: 4_000, parkMaxMs: 6_000 },
  );
  await supervisor.ready();
  for (let death = 0; death < 2; death += 1) {
    if (death > 0) await heard.next('child:restarted', 'often');
    often.set(Word.DEATH, Death.THROW);
    await heard.next('child:exited', 'often');
  }
  const parked = await heard.next('child:parked');
  expect(parked).toMatchObject({ name: 'often', why: 'restart_intensity', retryInMs: 4_000 });
  const mints = often.get(Word.MINTS);
  expect(children.often.current().value).toBe(`token-${mints}`);
  expect(children.often.status()).toMatchObject({
    state: 'parked',
    usable: true,
    parked: { why: 'restart_intensity', probeAtMs: expect.closeTo(parked.probeAtMs!, -2) as number },
  });
  await eventually('the end of the token', () => !children.often.status().usable);
  expect(() => children.often.current()).toThrow(expect.objectContaining({ code: 'PARKED' }));
  await expect(children.often.get()).rejects.toMatchObject({ code: 'PARKED' });
  expect(often.get(Word.MINTS)).toBe(mints);
  expect(await heard.next('child:resumed')).toMatchObject({ name: 'often', by: 'probe' });
  expect((await children.often.get()).value).toBe(`token-${mints + 1}`);
  often.set(Word.DEATH, Death.THROW);
  expect(await heard.next('child:parked')).toMatchObject({ name: 'often', retryInMs: 6_000 });
  expect(children.once.status()).toMatchObject({ state: 'fresh', incarnation: 1, restarts: 0 });
  expect(once.get(Word.MINTS)).toBe(1);
});

test('A11: in init, at the first start: startSupervisor and startChild reject, and leave nothing behind', async () => {
  const [fails, runs] = [new Control(), new Control()];
  fails.set(Word.FATAL_WRITE, 1);
  const failing = kind('failsInInit', { options: fails.buffer });
  const rejection = {
    code: 'START_FAILED',
    child: 'b',
    cause: { message: expect.stringContaining('no luck') as string },
  };
  await expect(
    supervise({ a: kind('mortal', { options: runs.buffer }), b: failing, c: kind('mortal', { options: runs.buffer }) }),
  ).rejects.toMatchObject(rejection);
  const { supervisor } = await supervise({ a: kind('mortal', { options: runs.buffer }) });
  await expect(supervisor.startChild('b', failing)).rejects.toMatchObject(rejection);
  expect((await supervisor.whichChildren()).map(({ name, phase }) => [name, phase])).toEqual([['a', 'running']]);
  expect(supervisor.children).not.toHaveProperty('b');
  fails.set(Word.FATAL_WRITE, 0);
  expect(await (await supervisor.startChild('b', failing)).call('alive?')).toBe(true);
});

test('A11: in init, at a restart: a death like any other, counted and tried again', async () => {
  const control = new Control();
  const { children, heard } = await supervise({ a: kind('failsInInit', { options: control.buffer, maxRestarts: 4 }) });
  control.set(Word.FATAL_WRITE, 1);
  children.a.cast('die');
  for (let attempt = 0; attempt < 2; attempt += 1) await heard.next('child:restarting');
  control.set(Word.FATAL_WRITE, 0);
  await heard.next('child:restarted');
  expect(await children.a.call('alive?')).toBe(true);
  const reports = heard.of('supervisor:report').map(({ context }) => context);
  expect(reports.slice(0, 2)).toEqual(['child_terminated', 'start_error']);
  expect(children.a.status().incarnation).toBeGreaterThanOrEqual(3);
});

test('A12: in an endless loop: ended as `hung`, and the token is read all the while', async () => {
  const control = new Control();
  const { supervisor, children, heard } = await supervise({ loops: mortal(control, { hangTimeoutMs: 300 }) });
  await supervisor.ready();
  const reader = await readAllTheTime(children.loops);
  control.set(Word.DEATH, Death.LOOP);
  expect((await heard.next('child:exited')).reason).toEqual({ kind: 'hung' });
  expect(await heard.next('supervisor:report')).toMatchObject({
    context: 'child_terminated',
    reason: { kind: 'hung' },
    offender: { name: 'loops', incarnation: 1 },
  });
  await heard.next('child:restarted');
  expect((await children.loops.refresh()).value).toBe('token-2');
  expect(['token-1', 'token-2']).toEqual(expect.arrayContaining(Object.keys(await reader.stop())));
  expect(children.loops.status()).toMatchObject({ incarnation: 2, lastExit: { reason: { kind: 'hung' } } });
});
