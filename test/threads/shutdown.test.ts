/** close(): in order, bounded, and final; the rows P3 and P4 of docs/explanation/failure-model.md. */
import { afterEach, describe, expect, test } from 'vitest';
import { actor, credential, startSupervisor } from 'tokenvisor';
import { refreshToken } from 'tokenvisor/providers';
import { killSupervisorThread } from 'tokenvisor/testing';
import { serve, tokenAnswer } from '../support/http-server.js';
import { runScript } from '../support/script.js';
import { afterTest, cleanUp, Control, eventually, makeGate, mortal, supervise } from '../support/supervised.js';
import { Death, Word } from './fixtures/deaths.mjs';

afterEach(cleanUp);

const fixture = (name: string): URL => new URL(`./fixtures/${name}`, import.meta.url);

const scripted = (options: object = {}, child: object = {}) =>
  actor({ behaviour: { module: fixture('scripted-actor.mjs'), export: 'scripted' }, options, ...child });

const code = (wanted: string): Error => expect.objectContaining({ code: wanted }) as Error;

describe('the order', () => {
  test('the last one started is the first to stop; each has ended before the next is asked', async () => {
    const slow = scripted({ terminateMs: 50 });
    const { supervisor, heard } = await supervise({ first: slow, second: slow, third: slow });
    await supervisor.startChild('fourth', slow);
    await supervisor.close();
    const order = heard.all.flatMap((event) =>
      (event.type as string) === 'test:terminating' || event.type === 'child:stopped'
        ? [`${(event as { name: string }).name} ${event.type}`]
        : [],
    );
    expect(order).toEqual(
      ['fourth', 'third', 'second', 'first'].flatMap((name) => [`${name} test:terminating`, `${name} child:stopped`]),
    );
    expect(heard.of('supervisor:ended')).toMatchObject([{ reason: 'closed' }]);
    expect(heard.of('child:exited').map(({ reason }) => reason.kind)).toEqual(Array(4).fill('shutdown'));
  });

  test('twice is once; and what comes after it is STOPPED', async () => {
    const { supervisor, children, heard } = await supervise({ own: scripted() });
    await Promise.all([supervisor.close(), supervisor.close({ timeoutMs: 0 }), supervisor[Symbol.asyncDispose]()]);
    await supervisor.close();
    expect(heard.of('supervisor:ended')).toHaveLength(1);
    for (const refused of [
      () => supervisor.startChild('more', scripted()),
      () => supervisor.terminateChild('own'),
      () => supervisor.restartChild('own'),
      () => supervisor.deleteChild('own'),
      () => supervisor.ready(),
      () => children.own.resume(),
      () => children.own.update({}),
    ]) {
      await expect(refused()).rejects.toThrow(code('STOPPED'));
    }
    expect(await supervisor.whichChildren()).toEqual([]);
    expect(await supervisor.countChildren()).toEqual({ specs: 0, active: 0, supervisors: 0, workers: 0 });
    expect(supervisor.health()).toMatchObject({ status: 'down', supervisor: 'ended' });
    await expect(children.own.call('hello')).rejects.toThrow(code('NO_PROC'));
  });

  test('await using closes', async () => {
    const kept = await (async () => {
      await using supervisor = await startSupervisor({ own: scripted({ value: 1 }) });
      return supervisor.children.own;
    })();
    expect(kept.status().state).toBe('stopped');
    expect(kept.snapshot()).toBeUndefined();
  });
});

describe('the bound', () => {
  test('a child that does not end is killed after its shutdown; the others have theirs', async () => {
    const { supervisor, heard } = await supervise({
      patient: scripted({ terminateMs: 20 }),
      stuck: scripted({ terminateMs: -1 }, { shutdown: 100 }),
      brutal: scripted({ terminateMs: -1 }, { shutdown: 'brutal' }),
    });
    await supervisor.close();
    expect(heard.of('child:exited').map(({ name, reason }) => [name, reason.kind])).toEqual([
      ['brutal', 'killed'],
      ['stuck', 'killed'],
      ['patient', 'shutdown'],
    ]);
    expect(heard.of('supervisor:report').map(({ context, offender }) => [context, offender.name])).toEqual([
      ['shutdown_error', 'stuck'],
    ]);
  });

  test('timeoutMs ends what a child that waits for ever holds up', async () => {
    const { supervisor, children, heard } = await supervise({
      behind: scripted({ value: 1 }),
      stuck: scripted({ terminateMs: -1 }, { shutdown: 'infinity' }),
    });
    await supervisor.close({ timeoutMs: 200 });
    expect(heard.of('child:stopped')).toEqual([]);
    expect(heard.of('supervisor:ended')).toMatchObject([{ reason: 'closed' }]);
    expect([children.behind.status().state, children.stuck.status().state]).toEqual(['stopped', 'stopped']);
    expect(children.behind.snapshot()).toBeUndefined();
  });

  test('P4: beside a zombie it resolves, reports it, and nothing can publish any more', async () => {
    const control = new Control();
    const gate = makeGate();
    const { supervisor, children, heard } = await supervise({
      zombie: mortal(control, { shutdown: 100, fifo: gate.fifo }),
    });
    await supervisor.ready();
    control.set(Word.DEATH, Death.CHILD_PROCESS);
    await eventually('what can not be ended', () => gate.waiting() === 1);
    const asked = children.zombie.refresh({ timeoutMs: 60_000 }).catch((error: unknown) => error);
    await supervisor.close({ timeoutMs: 500 });
    expect(heard.of('child:zombie')).toMatchObject([{ name: 'zombie', incarnation: 1 }]);
    expect(await asked).toMatchObject({ code: 'STOPPED' });
    expect(() => children.zombie.current()).toThrow(code('STOPPED'));
    gate.release();
    expect(children.zombie.last()).toBeUndefined();
  });

  test('P4: one that the supervisor itself has given up is reported by it', async () => {
    const control = new Control();
    const gate = makeGate();
    const { supervisor, heard } = await supervise(
      { zombie: mortal(control, { shutdown: 100, fifo: gate.fifo }), other: scripted() },
      { zombieAfterMs: 200 },
    );
    await supervisor.ready();
    control.set(Word.DEATH, Death.CHILD_PROCESS);
    await eventually('what can not be ended', () => gate.waiting() === 1);
    await supervisor.close();
    expect(heard.of('child:zombie')).toMatchObject([{ name: 'zombie' }]);
    expect(heard.of('child:stopped').map(({ name }) => name)).toEqual(['other', 'zombie']);
    expect(heard.of('supervisor:report')).toMatchObject([{ context: 'shutdown_error', offender: { name: 'zombie' } }]);
  });
});

describe('what is under way', () => {
  test('P3: an exchange of a single-use refresh token is waited for, and what it brought is kept', async () => {
    const control = new Control();
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    await using server = await serve(tokenAnswer({ refresh_token: 'second' }));
    const proxy = await holding(server.origin, held, control);
    const { supervisor, heard } = await supervise({
      single: credential({
        provider: refreshToken({ tokenEndpoint: proxy, clientId: 'app', refreshToken: 'first', store: 'memory' }),
        shutdown: 10_000,
      }),
    });
    await eventually('the exchange', () => control.get(Word.MINTS) === 1);
    const closing = supervisor.close();
    // It has been asked to end when its heart still beats and it takes no calls: the exchange holds it.
    await eventually('the stop', () => supervisor.children.single.status().state === 'restarting');
    release();
    await closing;
    expect(heard.of('child:exited')).toMatchObject([{ reason: { kind: 'shutdown' } }]);
    expect(server.seen.map(({ form }) => form.get('refresh_token'))).toEqual(['first']);
  });

  test('a get() and a call reject, a startChild too', async () => {
    const control = new Control();
    control.set(Word.HOLD, 1);
    const kinds = { module: fixture('kinds.mjs'), export: 'mortal' };
    const { supervisor, children } = await supervise({
      held: mortal(control),
      own: actor({ behaviour: kinds, options: new Control().buffer }),
    });
    const outcomes = Promise.allSettled([
      children.held.get({ timeoutMs: 60_000 }),
      children.own.call('never answered', { timeoutMs: 60_000 }),
      supervisor.ready({ timeoutMs: 60_000 }),
      supervisor.startChild('late', scripted()),
    ]);
    await supervisor.close();
    expect(await outcomes).toMatchObject(
      ['STOPPED', 'ACTOR_DOWN', 'STOPPED', 'STOPPED'].map((reason) => ({
        status: 'rejected',
        reason: { code: reason },
      })),
    );
    expect(Object.keys(supervisor.children)).toEqual(['held', 'own']);
  });

  test('while the supervisor thread is being replaced', async () => {
    const { supervisor, children, heard } = await supervise({ own: scripted({ terminateMs: 20 }) });
    const killed = killSupervisorThread(supervisor);
    supervisor.once('supervisor:exited', () => queueMicrotask(() => void supervisor.close()));
    await killed;
    await heard.next('supervisor:ended');
    await supervisor.close();
    expect(children.own.status().state).toBe('stopped');
    expect(heard.of('supervisor:restarted')).toEqual([]);
  });

  test('in a listener, at the very death of the supervisor thread', async () => {
    const { supervisor, heard } = await supervise({ own: scripted() });
    let closing: Promise<void> | undefined;
    supervisor.once('supervisor:exited', () => void (closing = supervisor.close()));
    await killSupervisorThread(supervisor);
    await heard.next('supervisor:ended');
    await closing;
    expect(supervisor.children.own.status().state).toBe('stopped');
  });
});

test('SIGTERM: the recipe stops what serves, closes in order, and the process ends by itself', async () => {
  const script = `
    import { createServer } from 'node:http';
    const supervisor = await startSupervisor({ first: scripted({ terminateMs: 50 }), second: scripted({ terminateMs: 50 }) });
    supervisor.on('child:stopped', ({ name }) => console.log('stopped', name));
    const server = createServer().listen(0, '127.0.0.1', () => console.log('serving'));
    process.once('SIGTERM', () => {
      server.close();
      void supervisor.close({ timeoutMs: 8_000 }).then(() => console.log('closed'));
    });`;
  const outcome = await runScript(script, (child) => child.stdout?.once('data', () => child.kill('SIGTERM')));
  expect(outcome).toEqual({
    code: 0,
    signal: null,
    stdout: 'serving\nstopped second\nstopped first\nclosed\n',
    stderr: '',
  });
});

/** A door before a server that counts the requests, and lets their answers out when it is told to. */
const holding = async (origin: string, held: Promise<void>, control: Control): Promise<string> => {
  const { createServer } = await import('node:http');
  const door = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      control.set(Word.MINTS, control.get(Word.MINTS) + 1);
      void held
        .then(() => fetch(`${origin}/token`, { method: 'POST', body: Buffer.concat(chunks), headers: FORM }))
        .then(async (answer) => {
          response.writeHead(answer.status, { 'content-type': 'application/json' });
          response.end(await answer.text());
        });
    });
  });
  await new Promise<void>((resolve) => door.listen(0, '127.0.0.1', resolve));
  afterTest(() => {
    door.closeAllConnections();
    door.close();
  });
  return `http://127.0.0.1:${(door.address() as { port: number }).port}/token`;
};

const FORM = { 'content-type': 'application/x-www-form-urlencoded' };
