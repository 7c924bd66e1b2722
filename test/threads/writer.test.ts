/** Writers: a child that is called from threads which did not start it. */
import { Worker } from 'node:worker_threads';
import { afterEach, describe, expect, test } from 'vitest';
import { actor, attach, type Actor, type ActorOptions, type ChildSpec } from 'tokenvisor';
import { killSupervisorThread } from 'tokenvisor/testing';
import { afterTest, BOUND_MS, cleanUp, Control, eventually, message, supervise } from '../support/supervised.js';

afterEach(cleanUp);

const fixture = (name: string): URL => new URL(`./fixtures/${name}`, import.meta.url);

const kind = (options: Partial<ActorOptions> = {}): ChildSpec<Actor> =>
  actor({ behaviour: { module: fixture('doors-kind.mjs'), export: 'doors' }, maxRestarts: 500, ...options });

const threadWith = async (child: Actor, workerData: object = {}): Promise<Worker> => {
  const writer = await child.writer();
  const worker = new Worker(fixture('writer-thread.mjs'), {
    workerData: { writer, ...workerData },
    transferList: [writer.port],
    env: {},
    execArgv: [],
  });
  afterTest(() => worker.terminate());
  return worker;
};

const order = async (worker: Worker, what: string, given: object = {}): Promise<unknown> => {
  worker.postMessage({ order: what, ...given });
  return message(worker);
};

const echo = (worker: Worker, wanted: unknown, options?: object): Promise<unknown> =>
  order(worker, 'call', { message: { do: 'echo', with: wanted }, options });

const code = (wanted: string): Error => expect.objectContaining({ code: wanted }) as Error;

describe('a writer in another thread', () => {
  test('calls, casts and reads, from its first turn on', async () => {
    const { children, heard } = await supervise({ own: kind({ options: { value: 'published' } }) });
    const first = await threadWith(children.own, { script: 'first call' });
    expect(await message(first)).toEqual({ incarnation: 1, message: 'first' });
    const worker = await threadWith(children.own);
    expect(await echo(worker, 'hello')).toEqual({ value: { incarnation: 1, message: 'hello' } });
    expect(await order(worker, 'read')).toEqual({ value: { snapshot: 'published', state: 'running', word: 1 } });
    await order(worker, 'cast', { message: { do: 'note' } });
    await echo(worker, 'after the cast');
    expect(children.own.words.load(2)).toBe(1);
    expect(heard.of('cast:failed')).toEqual([]);
  });

  test('goes on over a restart of the actor while the starting thread is blocked', async () => {
    const { children } = await supervise({ own: kind() });
    const control = new Control();
    const worker = await threadWith(children.own, { script: 'over a restart', control: control.buffer });
    // No turn of this thread until the writer has been answered by the next incarnation.
    expect(Atomics.wait(control.words, 0, 0, BOUND_MS)).not.toBe('timed-out');
    expect(await message(worker)).toMatchObject({ incarnation: 2 });
  });

  test('goes on after the supervisor thread died: a new line comes from the starting thread', async () => {
    const { supervisor, children, heard } = await supervise({ own: kind() });
    const worker = await threadWith(children.own);
    for (const incarnation of [2, 3]) {
      await killSupervisorThread(supervisor);
      await heard.next('supervisor:restarted');
      expect(await order(worker, 'until', { incarnation })).toMatchObject({ value: { incarnation } });
      // And by that line a restart of the actor's.
    }
    await order(worker, 'cast', { message: { do: 'throw' } });
    expect(await order(worker, 'until', { incarnation: 4 })).toMatchObject({ value: { incarnation: 4 } });
  });

  test('rejects as the handle does: ACTOR_DOWN over a death, CALL_TIMEOUT, NOT_CLONEABLE, CONFIG_INVALID', async () => {
    const { children, heard } = await supervise({ own: kind() });
    const worker = await threadWith(children.own);
    expect(await order(worker, 'call', { message: { do: 'throw' } })).toEqual({ code: 'ACTOR_DOWN' });
    expect(await order(worker, 'until', { incarnation: 2 })).toMatchObject({ value: { incarnation: 2 } });
    expect(await order(worker, 'call', { message: { do: 'never' }, options: { timeoutMs: 10 } })).toEqual({
      code: 'CALL_TIMEOUT',
    });
    expect(await order(worker, 'call', { message: {}, options: { timeout: 1 } })).toEqual({ code: 'CONFIG_INVALID' });
    await order(worker, 'cast a function');
    expect(await heard.next('cast:failed')).toMatchObject({ name: 'own', code: 'NOT_CLONEABLE' });
  });

  test('each cast that an actor did not live to handle is one event, and no other', async () => {
    const { children, heard } = await supervise({ own: kind() });
    const worker = await threadWith(children.own);
    const notes = (count: number): object[] => Array.from({ length: count }, () => ({ do: 'note' }));
    // In one turn: all of them are on the port before the actor has ended.
    await order(worker, 'casts', { messages: [...notes(100), { do: 'throw' }, ...notes(300)] });
    expect(await order(worker, 'until', { incarnation: 2 })).toMatchObject({ value: { incarnation: 2 } });
    await eventually('their events', () => heard.of('cast:failed').length >= 300);
    await order(worker, 'casts', { messages: notes(10) });
    await echo(worker, 'after the casts');
    expect(children.own.words.load(2)).toBe(110);
    expect(heard.of('cast:failed').map(({ name, code }) => `${name} ${code}`)).toEqual(
      Array(300).fill('own ACTOR_DOWN'),
    );
  });

  test('rejects at once with NO_PROC when the child is stopped, deleted, or all is closed; casts are events', async () => {
    const { supervisor, children, heard } = await supervise({ own: kind(), other: kind() });
    const { own } = children;
    const [worker, beside] = [await threadWith(own), await threadWith(children.other)];
    await supervisor.terminateChild('own');
    expect(await echo(worker, 1)).toEqual({ code: 'NO_PROC' });
    await order(worker, 'cast', { message: { do: 'note' } });
    expect(await heard.next('cast:failed')).toMatchObject({ name: 'own', code: 'NO_PROC' });
    await supervisor.restartChild('own');
    expect(await order(worker, 'until', { incarnation: 2 })).toMatchObject({ value: { incarnation: 2 } });
    await supervisor.terminateChild('own');
    await supervisor.deleteChild('own');
    expect(await echo(worker, 2)).toEqual({ code: 'NO_PROC' });
    await expect(own.writer()).rejects.toThrow(code('NOT_FOUND'));
    // Another child of that name is another child.
    await supervisor.startChild('own', kind());
    await expect(own.writer()).rejects.toThrow(code('NOT_FOUND'));
    expect(await echo(worker, 2)).toEqual({ code: 'NO_PROC' });
    const waiting = order(beside, 'call', { message: { do: 'never' } });
    await eventually('the call', () => children.other.words.load(3) === 1);
    await supervisor.close();
    expect(await waiting).toEqual({ code: 'ACTOR_DOWN' });
    expect(await echo(beside, 3)).toEqual({ code: 'NO_PROC' });
    expect(await order(beside, 'read')).toMatchObject({ value: { state: 'stopped' } });
    await expect(children.other.writer()).rejects.toThrow(code('STOPPED'));
  });

  test('does not hold its thread open', async () => {
    const { children } = await supervise({ own: kind() });
    // Listened for before its last message, which may come in one turn with its exit.
    const exitOf = (thread: Worker): Promise<unknown> => new Promise((resolve) => thread.once('exit', resolve));
    const worker = await threadWith(children.own, { script: 'first call' });
    const exited = exitOf(worker);
    expect(await message(worker)).toMatchObject({ incarnation: 1 });
    await exited;
    const other = await threadWith(children.own);
    const otherExited = exitOf(other);
    await echo(other, 1);
    await order(other, 'let go');
    await otherExited;
  });

  test('leaves nothing in the actor when its thread ends, however it does, or when it is closed', async () => {
    const { children } = await supervise({ own: kind() });
    const portsOf = (): Promise<number> => children.own.call<number>({ do: 'ports' });
    const before = await portsOf();
    const workers = await Promise.all([1, 2, 3].map(() => threadWith(children.own)));
    for (const worker of workers) await echo(worker, 1);
    expect(await portsOf()).toBe(before + 3);
    await workers[0]!.terminate();
    await order(workers[1]!, 'close');
    expect(await echo(workers[1]!, 1)).toEqual({ code: 'NO_PROC' });
    workers[2]!.postMessage({ order: 'let go' });
    const endMs = performance.now() + BOUND_MS;
    while ((await portsOf()) > before) expect(performance.now()).toBeLessThan(endMs);
  });
});

describe('what writer() resolves with', () => {
  test('is not posted without its port in the transfer list', async () => {
    const { children } = await supervise({ own: kind() });
    const writer = await children.own.writer();
    const worker = await threadWith(children.own);
    expect(() => worker.postMessage({ writer })).toThrow(/transfer/i);
    for (const port of [{}, { postMessage: () => undefined }, 5] as never[]) {
      expect(() => attach({ ...writer, port })).toThrow(code('LAYOUT_MISMATCH'));
    }
    expect(await attach(writer).call({ do: 'echo', with: 'here' })).toMatchObject({ message: 'here' });
  });

  test('may be attached twice in its thread: both are the same line', async () => {
    const { children } = await supervise({ own: kind() });
    const worker = await threadWith(children.own, { script: 'twice' });
    expect(await message(worker)).toMatchObject([{ message: 1 }, { message: 2 }]);
  });
});
