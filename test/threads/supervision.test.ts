/** The supervisor's commands, restarts and ends with real threads: every answer that they can have. */
import { afterEach, describe, expect, test } from 'vitest';
import { actor, credential, startSupervisor, type Actor, type ChildSpec, type TokenSupervisor } from 'tokenvisor';
import { clientCredentials } from 'tokenvisor/providers';
import { cleanUp, Control, eventually, makeGate, mortal, supervise } from '../support/supervised.js';
import { Death, Word } from './fixtures/deaths.mjs';

afterEach(cleanUp);

const fixture = (name: string): URL => new URL(`./fixtures/${name}`, import.meta.url);

const scripted = (options: object = {}, child: object = {}): ChildSpec<Actor> =>
  actor({ behaviour: { module: fixture('scripted-actor.mjs'), export: 'scripted' }, options, ...child });

const code = (wanted: string): Error => expect.objectContaining({ code: wanted }) as Error;

const summaryOf = async (supervisor: TokenSupervisor, name: string) =>
  (await supervisor.whichChildren()).find((child) => child.name === name);

describe('startChild', () => {
  test('resolves with a handle that can be called at once, and is listed', async () => {
    const { supervisor, heard } = await supervise({});
    const own = await supervisor.startChild('own', scripted());
    expect(await own.call('hello')).toBe('hello');
    expect(supervisor.children).toHaveProperty('own', own);
    expect(await supervisor.whichChildren()).toMatchObject([
      { name: 'own', phase: 'running', restart: 'permanent', incarnation: 1, restarts: 0, zombies: [] },
    ]);
    expect(heard.of('child:started', 'own')).toHaveLength(1);
  });

  test('a name is taken once, also while its start is under way, and while it is stopped', async () => {
    const { supervisor, children } = await supervise({ own: scripted() });
    await expect(supervisor.startChild('own', scripted())).rejects.toThrow(code('ALREADY_STARTED'));
    const [first, second] = await Promise.allSettled([
      supervisor.startChild('more', scripted()),
      supervisor.startChild('more', scripted()),
    ]);
    expect([first.status, second]).toEqual(['fulfilled', { status: 'rejected', reason: code('ALREADY_STARTED') }]);
    await supervisor.terminateChild('own');
    await expect(supervisor.startChild('own', scripted())).rejects.toThrow(code('ALREADY_STARTED'));
    expect(children.own.status().state).toBe('stopped');
  });

  test.each(['__proto__', 'constructor', 'tenant/42:eu', 'größe', '0'])('any name will do: %s', async (name) => {
    const { supervisor } = await supervise({});
    const own = await supervisor.startChild(name, scripted());
    expect(Object.keys(supervisor.children)).toEqual([name]);
    expect(supervisor.health().children).toEqual(Object.fromEntries([[name, 'ok']]));
    expect(await own.call(1)).toBe(1);
    await supervisor.terminateChild(name);
    await supervisor.deleteChild(name);
    expect(Object.keys(supervisor.children)).toEqual([]);
  });

  test('a start that fails says why and leaves no child', async () => {
    const { supervisor } = await supervise({ own: scripted() });
    const starts = new SharedArrayBuffer(4);
    await expect(supervisor.startChild('bad', scripted({ starts, failFirst: 1 }))).rejects.toMatchObject({
      code: 'START_FAILED',
      child: 'bad',
      message: expect.stringContaining('init 1 failed') as string,
      cause: { name: 'RangeError' },
    });
    expect((await supervisor.whichChildren()).map(({ name }) => name)).toEqual(['own']);
    expect(supervisor.children).not.toHaveProperty('bad');
    await supervisor.startChild('bad', scripted({ starts, failFirst: 1 }));
    expect(Atomics.load(new Int32Array(starts), 0)).toBe(2);
  });

  test.each([
    ['options for its thread that Node refuses', { execArgv: ['--no-such-option'] }],
    [
      'a heap that is too small to boot in',
      { resourceLimits: { maxOldGenerationSizeMb: 1, maxYoungGenerationSizeMb: 1 } },
    ],
    ['no time to start', { initTimeoutMs: 100, behaviour: { module: fixture('slow-module.mjs') } }],
    ['a module that is not there', { behaviour: fixture('no-such-module.mjs') }],
    ['an export that is none', { behaviour: { module: fixture('scripted-actor.mjs'), export: 'nothing' } }],
  ])('with %s it fails, and its siblings notice nothing', async (_what, child) => {
    const { supervisor, children, heard } = await supervise({ own: scripted() });
    await expect(supervisor.startChild('bad', scripted({}, child))).rejects.toThrow(code('START_FAILED'));
    expect(await children.own.call('hello')).toBe('hello');
    expect(await supervisor.countChildren()).toEqual({ specs: 1, active: 1, supervisors: 0, workers: 1 });
    await supervisor.close();
    expect(heard.of('supervisor:exited')).toEqual([]);
    expect(heard.of('error')).toEqual([]);
  });

  test('options that are none reject with CONFIG_INVALID', async () => {
    const { supervisor } = await supervise({});
    await expect(supervisor.startChild('bad', {} as never)).rejects.toThrow(code('CONFIG_INVALID'));
    await expect(supervisor.startChild('not a name', scripted())).rejects.toThrow(code('CONFIG_INVALID'));
    await expect(supervisor.startChild(4 as never, scripted())).rejects.toThrow(code('CONFIG_INVALID'));
  });
});

test('regression: a name that a command under way frees is free for who asks after it, as in OTP', async () => {
  const { supervisor } = await supervise({ own: scripted(), once: scripted({}, { restart: 'temporary' }) });
  const stopped = supervisor.terminateChild('own');
  const deleted = supervisor.deleteChild('own');
  const [second, third] = await Promise.allSettled([
    supervisor.startChild('own', scripted()),
    supervisor.startChild('own', scripted()),
  ]);
  await Promise.all([stopped, deleted]);
  expect(second).toMatchObject({ status: 'fulfilled' });
  expect(third).toMatchObject({ status: 'rejected', reason: { code: 'ALREADY_STARTED' } });
  void supervisor.terminateChild('once');
  expect(await (await supervisor.startChild('once', scripted())).call('hello')).toBe('hello');
  const refused = expect(supervisor.deleteChild('own')).rejects.toThrow(code('RUNNING'));
  await expect(supervisor.startChild('own', scripted())).rejects.toThrow(code('ALREADY_STARTED'));
  await refused;
});

describe('terminateChild, restartChild, deleteChild', () => {
  test('stop, start again with the same options, forget', async () => {
    const { supervisor, children, heard } = await supervise({ own: scripted({ value: 'kept' }), other: scripted() });
    const { own } = children;
    await supervisor.terminateChild('own');
    expect(own.status()).toMatchObject({
      state: 'stopped',
      incarnation: 1,
      lastExit: { reason: { kind: 'shutdown' } },
    });
    expect(own.snapshot()).toBeUndefined();
    await expect(own.call('hello')).rejects.toThrow(code('NO_PROC'));
    expect(supervisor.health()).toMatchObject({ status: 'down', children: { own: 'down', other: 'ok' } });

    await supervisor.terminateChild('own');
    await supervisor.restartChild('own');
    expect(await own.call('hello')).toBe('hello');
    expect(own.snapshot()).toBe('kept');
    expect(await summaryOf(supervisor, 'own')).toMatchObject({ phase: 'running', incarnation: 2, restarts: 0 });

    await supervisor.terminateChild('own');
    await supervisor.deleteChild('own');
    expect(Object.keys(supervisor.children)).toEqual(['other']);
    expect(own.status().state).toBe('stopped');
    await expect(own.call('hello')).rejects.toThrow(code('NO_PROC'));
    await expect(own.resume()).rejects.toThrow(code('NOT_FOUND'));
    await expect(own.update({})).rejects.toThrow(code('NOT_FOUND'));
    const again = await supervisor.startChild('own', scripted());
    expect(await again.call('new')).toBe('new');
    expect(supervisor.children).toHaveProperty('own', again);
    expect(heard.of('child:exited').map(({ reason }) => reason.kind)).toEqual(['shutdown', 'shutdown']);
  });

  test('what can not be done is refused with its code', async () => {
    const { supervisor, children, heard } = await supervise(
      { running: scripted(), parked: scripted({}, { maxRestarts: 0 }) },
      { parkMs: 3_600_000, parkMaxMs: 3_600_000 },
    );
    children.parked.cast({ kind: 'throw' });
    await heard.next('child:parked');
    for (const command of ['terminateChild', 'restartChild', 'deleteChild'] as const) {
      await expect(supervisor[command]('nobody')).rejects.toThrow(code('NOT_FOUND'));
    }
    await expect(supervisor.restartChild('running')).rejects.toThrow(code('RUNNING'));
    await expect(supervisor.deleteChild('running')).rejects.toThrow(code('RUNNING'));
    await expect(supervisor.restartChild('parked')).rejects.toThrow(code('RESTARTING'));
    await expect(supervisor.deleteChild('parked')).rejects.toThrow(code('RESTARTING'));
    await supervisor.terminateChild('parked');
    await supervisor.restartChild('parked');
    expect(await summaryOf(supervisor, 'parked')).toMatchObject({ phase: 'running', parkedTimes: 0 });
  });

  test('a restart that fails leaves it stopped, and can be tried again', async () => {
    const starts = new SharedArrayBuffer(4);
    const { supervisor, children } = await supervise({ own: scripted({ starts }) });
    await children.own.update({ starts, failFirst: 2 });
    await supervisor.terminateChild('own');
    await expect(supervisor.restartChild('own')).rejects.toMatchObject({
      code: 'START_FAILED',
      cause: { name: 'RangeError' },
    });
    expect(children.own.status().state).toBe('stopped');
    await supervisor.restartChild('own');
    expect(children.own.status()).toMatchObject({ state: 'running', incarnation: 3 });
  });

  test('beside a zombie: a child that can be fenced is started again, a third thread is refused', async () => {
    const control = new Control();
    const gate = makeGate();
    const { supervisor, children } = await supervise(
      { own: mortal(control, { fifo: gate.fifo, shutdown: 'brutal' }) },
      { zombieAfterMs: 100 },
    );
    await supervisor.ready();
    control.set(Word.DEATH, Death.CHILD_PROCESS);
    await eventually('what can not be ended', () => gate.waiting() === 1);
    await supervisor.terminateChild('own');
    expect(() => children.own.current()).toThrow(code('STOPPED'));
    expect(await summaryOf(supervisor, 'own')).toMatchObject({ phase: 'stopped', zombies: [1] });
    await supervisor.restartChild('own');
    expect((await children.own.get()).value).toBe('token-2');
    control.set(Word.DEATH, Death.CHILD_PROCESS);
    await eventually('what can not be ended', () => gate.waiting() === 2);
    await supervisor.terminateChild('own');
    await expect(supervisor.restartChild('own')).rejects.toThrow(code('RUNNING'));
  });
});

describe('restart types, by real ends', () => {
  const kinds = ['throw', 'exit', 'normal', 'shutdown'] as const;
  test.each([
    ['permanent', { throw: true, exit: true, normal: true, shutdown: true }],
    ['transient', { throw: true, exit: true, normal: false, shutdown: false }],
    ['temporary', { throw: false, exit: false, normal: false, shutdown: false }],
  ] as const)('%s', async (restart, restarted) => {
    const { supervisor, heard } = await supervise({});
    for (const kind of kinds) {
      const own = await supervisor.startChild(kind, scripted({}, { restart }));
      own.cast({ kind });
      await heard.next('child:exited', kind);
      if (restarted[kind]) {
        await heard.next('child:restarted', kind);
        expect(await summaryOf(supervisor, kind)).toMatchObject({ phase: 'running', incarnation: 2, restarts: 1 });
        continue;
      }
      await heard.next('child:stopped', kind);
      expect(own.status().state).toBe('stopped');
      // A temporary child's spec goes with it, and its name is free.
      const left = await summaryOf(supervisor, kind);
      if (restart === 'temporary') expect(left).toBeUndefined();
      else expect(left).toMatchObject({ phase: 'stopped', incarnation: 1 });
    }
    expect(heard.of('child:restarted')).toHaveLength(Object.values(restarted).filter(Boolean).length);
    if (restart === 'temporary') {
      expect(supervisor.children).toEqual({});
      await supervisor.startChild('throw', scripted());
    }
  });

  test('each exit that OTP would report is reported', async () => {
    const { children, heard } = await supervise({
      own: scripted({}, { restart: 'transient' }),
      normal: scripted({}, { restart: 'transient' }),
    });
    children.own.cast({ kind: 'throw' });
    children.normal.cast({ kind: 'normal' });
    await heard.next('child:restarted', 'own');
    await heard.next('child:stopped', 'normal');
    expect(heard.of('supervisor:report')).toMatchObject([
      {
        context: 'child_terminated',
        reason: { kind: 'crash', error: { name: 'RangeError', message: 'told to' } },
        offender: { name: 'own', incarnation: 1, restart: 'transient', shutdown: 5_000 },
      },
    ]);
  });
});

describe('intensity', () => {
  test('a child past its own is parked and probed; its siblings are untouched; a person starts it with a clean count', async () => {
    const { supervisor, children, heard } = await supervise(
      { weak: scripted({ value: 'kept' }, { maxRestarts: 1, maxSeconds: 60 }), sound: scripted() },
      // Longer than a child takes to be up and to die again: one that runs for as long is well.
      { parkMs: 3_000, parkMaxMs: 3_600_000 },
    );
    children.weak.cast({ kind: 'throw' });
    await heard.next('child:restarted');
    children.weak.cast({ kind: 'throw' });
    expect(await heard.next('child:parked')).toMatchObject({
      name: 'weak',
      why: 'restart_intensity',
      retryInMs: 3_000,
    });
    expect(children.weak.snapshot()).toBe('kept');
    expect(await heard.next('child:resumed')).toMatchObject({ by: 'probe' });
    await heard.next('child:restarted');
    children.weak.cast({ kind: 'throw' });
    // The restarts of before still count, and the second park is twice as long.
    expect(await heard.next('child:parked')).toMatchObject({ retryInMs: 6_000 });
    await children.weak.resume();
    expect(children.weak.status().state).not.toBe('parked');
    await heard.next('child:restarted');
    children.weak.cast({ kind: 'throw' });
    await heard.next('child:restarted');
    expect(await summaryOf(supervisor, 'weak')).toMatchObject({ phase: 'running', parkedTimes: 0 });
    expect(heard.all.filter((event) => 'name' in event && event.name === 'sound').map(({ type }) => type)).toEqual([
      'child:started',
    ]);
    expect(children.sound.status()).toMatchObject({ incarnation: 1, restarts: 0 });
  });

  test("with escalation 'supervisor' the limit is everybody's, and at it all are stopped and it ends", async () => {
    const { supervisor, children, heard } = await supervise(
      { first: scripted(), second: scripted(), third: scripted() },
      { escalation: 'supervisor', maxRestarts: 1, maxSeconds: 60 },
    );
    children.first.cast({ kind: 'throw' });
    await heard.next('child:restarted');
    children.second.cast({ kind: 'throw' });
    expect(await heard.next('supervisor:ended')).toMatchObject({ reason: 'restart_intensity' });
    expect(heard.of('child:stopped').map(({ name }) => name)).toEqual(['second', 'third', 'first']);
    expect(heard.of('supervisor:report').at(-1)).toMatchObject({
      context: 'shutdown',
      reason: { kind: 'reached_max_restart_intensity' },
      offender: { name: 'second' },
    });
    await supervisor.close();
    expect(heard.of('supervisor:ended')).toHaveLength(1);
    expect(supervisor.health()).toMatchObject({ status: 'down', supervisor: 'ended' });
    await expect(supervisor.startChild('late', scripted())).rejects.toThrow(code('STOPPED'));
  });
});

describe('the first start', () => {
  test('fails as a whole: the one to blame is named, those before it are stopped', async () => {
    const starts = new SharedArrayBuffer(4);
    await expect(
      startSupervisor({ good: scripted({ starts }), bad: scripted({ failFirst: 1 }) }, { startConcurrency: 1 }),
    ).rejects.toMatchObject({
      code: 'START_FAILED',
      child: 'bad',
      cause: { name: 'RangeError', message: 'init 1 failed' },
    });
    expect(Atomics.load(new Int32Array(starts), 0)).toBe(1);
    expect(process.getActiveResourcesInfo()).not.toContain('MessagePort');
  });

  test('a package that a bundler has moved is a clear error', async () => {
    await expect(startSupervisor({}, { workerUrl: fixture('nowhere/supervisor-entry.cjs') })).rejects.toMatchObject({
      code: 'FILE_MISSING',
      message: expect.stringContaining("mark 'tokenvisor' as external") as string,
    });
  });

  test('listeners that are added when it has resolved miss nothing of it', async () => {
    const { heard } = await supervise({ first: scripted(), second: scripted() });
    await heard.next('child:started', 'first');
    await heard.next('child:started', 'second');
  });
});

describe('ready() and health()', () => {
  test('ready() names all that can not serve in time', async () => {
    const [first, second] = [new Control(), new Control()];
    first.set(Word.HOLD, 1);
    second.set(Word.HOLD, 1);
    const { supervisor } = await supervise({ first: mortal(first), fine: scripted(), second: mortal(second) });
    await expect(supervisor.ready({ timeoutMs: 100 })).rejects.toMatchObject({
      code: 'TIMEOUT',
      message: expect.stringContaining("'first', 'second' can't serve") as string,
    });
    expect(supervisor.health()).toEqual({
      status: 'down',
      supervisor: 'running',
      children: { first: 'down', fine: 'ok', second: 'down' },
    });
    first.set(Word.HOLD, 0);
    second.set(Word.HOLD, 0);
    await supervisor.ready();
    expect(supervisor.health().status).toBe('ok');
    await expect(supervisor.ready({ timeoutMs: -1 })).rejects.toThrow(code('CONFIG_INVALID'));
    await expect(supervisor.ready({ signal: AbortSignal.abort('enough') })).rejects.toMatchObject({
      code: 'ABORTED',
      cause: 'enough',
    });
  });

  test('ready() that is out of time has the failed mint as its cause', async () => {
    const provider = clientCredentials({ tokenEndpoint: 'http://127.0.0.1:1/', clientId: 'a', clientSecret: 'b' });
    const { supervisor, heard } = await supervise({ fine: scripted(), api: credential({ provider }) });
    await heard.next('mint:failed');
    await expect(supervisor.ready({ timeoutMs: 50 })).rejects.toMatchObject({
      code: 'TIMEOUT',
      child: 'api',
      message: expect.stringMatching(/ms: 'api' can't serve yet\. 'api': No connection to 127\.0\.0\.1:1/) as string,
      cause: { code: 'MINT_FAILED', reason: 'connect_failed' },
    });
  });

  test('ready() rejects at once with PARKED, or STOPPED, whoever else it still waits for', async () => {
    const control = new Control();
    control.set(Word.HOLD, 1);
    const { supervisor, children, heard } = await supervise(
      { slow: mortal(control), parked: scripted({}, { maxRestarts: 0 }) },
      { parkMs: 3_600_000, parkMaxMs: 3_600_000 },
    );
    const waiting = expect(supervisor.ready({ timeoutMs: 60_000 })).rejects.toThrow();
    children.parked.cast({ kind: 'throw' });
    await heard.next('child:parked');
    await expect(supervisor.ready({ timeoutMs: 60_000 })).rejects.toMatchObject({ code: 'PARKED', child: 'parked' });
    expect(supervisor.health().children).toMatchObject({ parked: 'down' });
    await supervisor.terminateChild('parked');
    await expect(supervisor.ready({ timeoutMs: 60_000 })).rejects.toMatchObject({ code: 'STOPPED', child: 'parked' });
    await supervisor.close();
    await waiting;
    await expect(supervisor.ready()).rejects.toThrow(code('STOPPED'));
  });
});

describe('update()', () => {
  test('each change is made to what the one before has left, in turn, and restarts keep it', async () => {
    const control = new Control();
    const { supervisor, children, heard } = await supervise({ own: mortal(control) });
    await supervisor.ready();
    await Promise.all([
      children.own.update({ options: { control: control.buffer, lifeS: 100 } }),
      children.own.update({ leadMs: 50_000 }),
    ]);
    await eventually('a token of the new life', () => {
      const { issuedAtMs, expiresAtMs } = children.own.current();
      return expiresAtMs - issuedAtMs === 100_000;
    });
    control.set(Word.DEATH, Death.THROW);
    await heard.next('child:restarted');
    const token = await children.own.refresh();
    expect(token.expiresAtMs - token.issuedAtMs).toBe(100_000);
    // 25 s by default.
    await eventually('the new lead', () => token.expiresAtMs - children.own.status().refreshAtMs! >= 50_000);
  });

  test('what may not change is a problem', async () => {
    const { children } = await supervise({ own: mortal(new Control()) });
    await expect(children.own.update({ restart: 'temporary' } as never)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      problems: [{ path: 'own.restart' }],
    });
    await expect(children.own.update(7 as never)).rejects.toThrow(code('CONFIG_INVALID'));
  });
});
