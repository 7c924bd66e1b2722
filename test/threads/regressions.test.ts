/** What went wrong once, each named for what it was. */
import { afterEach, describe, expect, test } from 'vitest';
import { actor, attach, credential, startSupervisor } from 'tokenvisor';
import { env, fileStore, refreshToken } from 'tokenvisor/providers';
import { killChildThread } from 'tokenvisor/testing';
import { cleanUp, Control, eventually, makeGate, mortal, supervise } from '../support/supervised.js';
import { Death, Word } from './fixtures/deaths.mjs';

afterEach(cleanUp);

const module = new URL('./fixtures/regressions.mjs', import.meta.url);

const kind = (name: string, options: object = {}) => actor({ behaviour: { module, export: name }, ...options });

const provided = (name: string, options: object = {}) => credential({ provider: { module, export: name }, ...options });

const blockMain = (ms: number): void => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);

class Gate {
  readonly buffer = new SharedArrayBuffer(8);
  readonly #words = new Int32Array(this.buffer);

  get inits(): number {
    return Atomics.load(this.#words, 1);
  }

  shut(): void {
    Atomics.store(this.#words, 0, 1);
  }

  open(): void {
    Atomics.store(this.#words, 0, 0);
    Atomics.notify(this.#words, 0);
  }
}

const code = (expected: string): unknown => expect.objectContaining({ code: expected });

test('a temporary child that ended while main was blocked left its name taken for good', async () => {
  const { supervisor, children, heard } = await supervise({});
  const once = kind('endsAtOnce', { restart: 'temporary' });
  const starting = supervisor.startChild('once', once);
  await new Promise(setImmediate);
  blockMain(1_000);
  await starting;
  await heard.next('child:stopped', 'once');
  expect(supervisor.health()).toEqual({ status: 'ok', supervisor: 'running', children: {} });
  expect(Object.keys(children)).toEqual([]);
  await supervisor.startChild('once', once);
});

test('a startChild that a terminateChild overtook left its name taken for good', async () => {
  const { supervisor, children } = await supervise({});
  const gate = new Gate();
  gate.shut();
  const spec = kind('gated', { options: { gate: gate.buffer, label: 'a' } });
  const starting = supervisor.startChild('slow', spec);
  const refused = expect(starting).rejects.toEqual(code('STOPPED'));
  await eventually('the init', () => gate.inits === 1);
  const terminating = supervisor.terminateChild('slow');
  gate.open();
  await refused;
  await terminating;
  expect(Object.keys(children)).toEqual([]);
  expect(await supervisor.whichChildren()).toEqual([]);
  await supervisor.startChild('slow', spec);
});

test('options given by update() to an actor that was booting came with its next restart only', async () => {
  const gate = new Gate();
  const options = (label: string) => ({ gate: gate.buffer, label });
  const { supervisor, children, heard } = await supervise({ slow: kind('gated', { options: options('old') }) });
  gate.shut();
  await killChildThread(supervisor, 'slow');
  await eventually('the second init', () => gate.inits === 2);
  const rotating = children.slow.update(options('new'));
  await new Promise((resolve) => setTimeout(resolve, 50));
  gate.open();
  await rotating;
  await heard.next('child:restarted', 'slow');
  expect(await children.slow.call('options?')).toBe('new');
});

test('an update() of an actor that hung, and could not be ended, waited for as long as its thread lived', async () => {
  const control = new Control();
  const { fifo } = makeGate();
  const stuck = mortal(control, { fifo, hangTimeoutMs: 1_000 });
  const { children, heard } = await supervise({ stuck }, { zombieAfterMs: 200 });
  control.set(Word.DEATH, Death.CHILD_PROCESS);
  await eventually('the hang', () => control.get(Word.DEATH) === 0);
  await children.stuck.update({ leadMs: 1_000 });
  await heard.next('child:zombie', 'stuck');
  await heard.next('child:restarted', 'stuck');
  expect(heard.of('child:exited', 'stuck')).toEqual([]);
});

test('a token that was invalidated while its actor was away stayed good for every other reader', async () => {
  const { supervisor, children, heard } = await supervise({ api: provided('plain', { maxRestarts: 0 }) });
  const other = attach(children.api.handle());
  const token = await children.api.get();
  expect(other.current().generation).toBe(token.generation);
  expect(other.last()?.generation).toBe(token.generation);
  await killChildThread(supervisor, 'api');
  await heard.next('child:parked', 'api');
  expect(other.current().generation).toBe(token.generation);
  await expect(children.api.invalidate(token)).rejects.toEqual(code('PARKED'));
  expect(() => other.current()).toThrow(code('PARKED'));
  expect(other.last()).toBeUndefined();
  await children.api.resume();
  expect((await other.get({ timeoutMs: 15_000 })).generation).toBe(token.generation + 1);
});

test('a vault that left no room for the failures of its credential took the actor down again and again', async () => {
  const { children, heard } = await supervise({ full: provided('hoarder', { options: { bytes: 65_600 } }) });
  await heard.next('mint:failed', 'full');
  await heard.next('mint:failed', 'full');
  expect(heard.of('child:exited')).toEqual([]);
  expect(children.full.status()).toMatchObject({ incarnation: 1, lastFailure: { reason: 'provider_threw' } });
});

test('resume() of a child that was stopped waited for an actor that nobody would start', async () => {
  const { supervisor, children } = await supervise({ api: provided('plain') });
  await supervisor.terminateChild('api');
  await expect(children.api.resume({ timeoutMs: 60_000 })).rejects.toEqual(code('STOPPED'));
});

test('close() rejected, and stopped no other child, when somebody had written over the memory of one', async () => {
  const { supervisor, children, heard } = await supervise({ first: provided('plain'), spoilt: provided('plain') });
  await supervisor.ready();
  new Int32Array(children.spoilt.handle().memory).fill(-1);
  await supervisor.close();
  expect(() => children.first.current()).toThrow(code('STOPPED'));
  expect(heard.of('supervisor:ended')).toHaveLength(1);
});

test('env() of a name that every object inherits was a thread that could not be started', async () => {
  for (const name of ['constructor', '__proto__', 'toString']) {
    const options = { secret: env(name) };
    await expect(startSupervisor({ api: provided('plain', { options }) })).rejects.toEqual(code('CONFIG_INVALID'));
    await expect(startSupervisor({ api: provided('plain', { inheritEnv: [name] }) })).rejects.toEqual(
      code('CONFIG_INVALID'),
    );
  }
});

test('fileStore() of what is no path was a TypeError, and not one of the problems of the start', async () => {
  const provider = refreshToken({
    tokenEndpoint: 'https://api.example/token',
    clientId: 'a',
    refreshToken: 'b',
    store: fileStore(undefined as never),
  });
  await expect(startSupervisor({ api: credential({ provider }) })).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    problems: [{ path: expect.stringContaining('store') as string }],
  });
});

describe('what is no option was a TypeError, or a timer of 1 ms', () => {
  test.each([
    ['nothing', null],
    ['a text', 'x'],
    ['a time that has no text', { timeoutMs: Object.create(null) as unknown }],
    ['a time that is a symbol', { timeoutMs: Symbol('ms') }],
    ['a time that no timer takes', { timeoutMs: 1e12 }],
    ['a signal that is a text', { signal: 'x' }],
    ['a signal that is an object', { signal: {} }],
  ])('%s', async (_what, bad) => {
    const { supervisor, children } = await supervise({ api: provided('plain') });
    const options = bad as never;
    const { api } = children;
    const token = await api.get();
    const waits = [
      api.get(options),
      api.refresh(options),
      api.invalidate(token, options),
      api.resume(options),
      supervisor.ready(options),
    ];
    for (const outcome of await Promise.allSettled(waits)) {
      expect(outcome).toEqual({ status: 'rejected', reason: code('CONFIG_INVALID') });
    }
    expect(() => supervisor.close(options)).toThrow(code('CONFIG_INVALID'));
    expect(api.current().generation).toBe(token.generation);
  });

  test('a name that has no text', async () => {
    const { supervisor } = await supervise({});
    for (const name of [Symbol('name'), Object.create(null) as object, null]) {
      await expect(supervisor.terminateChild(name as never)).rejects.toEqual(code('NOT_FOUND'));
    }
  });
});
