/** A token set with real threads: who sees what, and what deaths leave. */
import { Worker } from 'node:worker_threads';
import { afterEach, describe, expect, test } from 'vitest';
import { actor, startSupervisor } from 'tokenvisor';
import { tokenSet, type TokenSet } from 'tokenvisor/inbound';
import { killChildThread, killSupervisorThread } from 'tokenvisor/testing';
import { afterTest, cleanUp, message, supervise } from '../support/supervised.js';

afterEach(cleanUp);

const code = (wanted: string): Error => expect.objectContaining({ code: wanted }) as Error;

interface Elsewhere {
  readonly order: (order: string, ...args: readonly unknown[]) => Promise<unknown>;
  readonly worker: Worker;
}

const elsewhere = async (set: TokenSet, as: 'reader' | 'writer' = 'writer'): Promise<Elsewhere> => {
  const writer = as === 'writer' ? await set.writer() : undefined;
  const worker = new Worker(new URL('./fixtures/token-set-thread.mjs', import.meta.url), {
    workerData: { set: writer ?? set.handle() },
    transferList: writer ? [writer.port] : [],
    env: {},
    execArgv: [],
  });
  afterTest(() => worker.terminate());
  const order = (what: string, ...args: readonly unknown[]): Promise<unknown> => {
    worker.postMessage({ order: what, args });
    return message(worker);
  };
  return { order, worker };
};

describe('threads', () => {
  test('see what any of them has written, when it has been written', async () => {
    const { children } = await supervise({ set: tokenSet({ maxEntries: 100_000 }) });
    const { set } = children;
    const [reader, writer] = [await elsewhere(set, 'reader'), await elsewhere(set)];
    expect([await reader.order('is'), await writer.order('is')]).toEqual([
      { value: 'TokenSetReader' },
      { value: 'TokenSetWriter' },
    ]);
    const expiresAtMs = (Math.floor(Date.now() / 1_000) + 60) * 1_000;
    await writer.order('insert', 'a', { expiresAtMs, meta: 42 });
    expect(set.lookup('a')).toEqual({ expiresAtMs, meta: 42 });
    expect(await reader.order('lookup', 'a')).toEqual({ value: { expiresAtMs, meta: 42 } });
    await set.destroy('a');
    expect([await reader.order('exists', 'a'), await writer.order('exists', 'a')]).toEqual([
      { value: false },
      { value: false },
    ]);
    expect(await writer.order('insert and look', 'b')).toEqual({ value: true });
    expect(await writer.order('insert many', 'many', 20_000)).toEqual({ value: 20_000 });
    expect(await reader.order('size')).toEqual({ value: 20_001 });
    expect(await writer.order('destroy many', 'many', 19_000)).toEqual({ value: 19_000 });
    expect([set.exists('many-18999'), set.exists('many-19000')]).toEqual([false, true]);
    expect(await writer.order('clear')).toEqual({ value: 1_001 });
    expect(await reader.order('size')).toEqual({ value: 0 });
    expect(await writer.order('expunge')).toEqual({ value: 0 });
  });

  test('that only read have no writes', async () => {
    const { children } = await supervise({ set: tokenSet() });
    const reader = await elsewhere(children.set, 'reader');
    expect(await reader.order('insert', 'a')).toMatchObject({
      code: expect.stringContaining('not a function') as string,
    });
  });
});

describe('a death', () => {
  test('of the actor in a bulk: it says how far it came, and what was written stays', async () => {
    const { supervisor, children, heard } = await supervise({ set: tokenSet({ maxRestarts: 500 }) });
    const { set } = children;
    await set.insert('kept', { meta: 1 });
    const { order, worker } = await elsewhere(set);
    expect(await order('insert until it fails', 'bulk')).toBe('progress');
    const answered = new Promise<{ value: { code: string; done: number } }>((resolve) => {
      worker.on('message', (answer: 'progress' | { value: { code: string; done: number } }) => {
        if (answer !== 'progress') resolve(answer);
      });
    });
    await killChildThread(supervisor, 'set');
    const { value } = await answered;
    expect(value.code).toMatch(/ACTOR_DOWN|NO_PROC/);
    expect(value.done).toBeGreaterThanOrEqual(1_000);
    expect(set.lookup('kept')).toEqual({ expiresAtMs: Infinity, meta: 1 });
    for (let index = 0; index < value.done; index += 1) {
      if (!set.exists(`bulk-${index}`)) throw new Error(`Expected bulk-${index} of ${value.done} to be there`);
    }
    expect(await heard.next('write:failed')).toMatchObject({ name: 'set', operation: 'insertMany' });
    await heard.next('child:restarted');
    await set.insert('after');
    // Counted anew by the actor of now: what was half done is done, or is not.
    expect(set.size()).toBeGreaterThanOrEqual(value.done + 2);
    const counted = set.size();
    expect(await set.clear()).toBe(counted);
    expect(set.exists('kept')).toBe(false);
  });

  test('of the supervisor thread leaves what is there, and writers in other threads go on', async () => {
    const { supervisor, children, heard } = await supervise({ set: tokenSet() });
    const { set } = children;
    const { order } = await elsewhere(set);
    await order('insert', 'a');
    await killSupervisorThread(supervisor);
    expect([set.exists('a'), await order('exists', 'a')]).toEqual([true, { value: true }]);
    await heard.next('supervisor:restarted');
    await heard.next('child:restarted');
    let last: unknown;
    const endMs = performance.now() + 10_000;
    do last = await order('insert and look', 'b');
    while (JSON.stringify(last) !== '{"value":true}' && performance.now() < endMs);
    expect(last).toEqual({ value: true });
    expect(set.size()).toBe(2);
  });

  test('of too many actors parks it: it is read on, and taken up by resume()', async () => {
    const { supervisor, children, heard } = await supervise(
      { set: tokenSet({ maxRestarts: 0 }) },
      { parkMs: 3_600_000 },
    );
    const { set } = children;
    await set.insert('a');
    await killChildThread(supervisor, 'set');
    await heard.next('child:parked');
    expect([set.exists('a'), set.size(), set.status().state]).toEqual([true, 1, 'parked']);
    await expect(set.insert('b')).rejects.toThrow(code('NO_PROC'));
    expect(supervisor.health().children).toEqual({ set: 'degraded' });
    await set.resume();
    await supervisor.ready();
    await set.insert('b');
    expect(set.size()).toBe(2);
  });
});

test('what nobody awaits is an event when it fails, and no unhandled rejection; after close() reads throw STOPPED', async () => {
  const unhandled: unknown[] = [];
  const note = (reason: unknown): void => void unhandled.push(reason);
  process.on('unhandledRejection', note);
  afterTest(() => process.off('unhandledRejection', note));
  const { supervisor, children, heard } = await supervise({ set: tokenSet() });
  const { set } = children;
  const { order } = await elsewhere(set);
  await supervisor.ready();
  expect(supervisor.health()).toMatchObject({ status: 'ok', children: { set: 'ok' } });
  void set.insert('');
  expect(await heard.next('write:failed')).toMatchObject({ name: 'set', operation: 'insert', code: 'CONFIG_INVALID' });
  void order('insert', 5);
  expect(await heard.next('write:failed')).toMatchObject({ name: 'set', operation: 'insert', code: 'CONFIG_INVALID' });
  await set.insert('a');
  await supervisor.close();
  void set.insert('b');
  expect(await heard.next('write:failed')).toMatchObject({ operation: 'insert', code: 'NO_PROC' });
  for (const read of [() => set.exists('a'), () => set.lookup('a'), () => set.size()]) {
    expect(read).toThrow(code('STOPPED'));
  }
  expect(await order('exists', 'a')).toEqual({ code: 'STOPPED' });
  expect(await order('insert', 'c')).toEqual({ code: 'NO_PROC' });
  expect(set.status()).toMatchObject({ state: 'stopped', size: 1 });
  expect(unhandled).toEqual([]);
});

test('there are any number of sets, each by its own name, and none like another', async () => {
  const { supervisor, children } = await supervise({ one: tokenSet({ maxEntries: 5 }), two: tokenSet() });
  await children.one.insert('a');
  expect([children.one.exists('a'), children.two.exists('a')]).toEqual([true, false]);
  await expect(supervisor.startChild('one', tokenSet())).rejects.toThrow(code('ALREADY_STARTED'));
  const three = await supervisor.startChild('three', tokenSet({ expungeIntervalMs: 'never' }));
  await three.insert('a');
  expect([three.size(), children.one.status().maxEntries, three.status().maxEntries]).toEqual([1, 5, 10_000_000]);
  await supervisor.terminateChild('three');
  expect(supervisor.health().children).toEqual({ one: 'ok', two: 'ok', three: 'down' });
  expect(() => three.exists('a')).toThrow(code('STOPPED'));
  await supervisor.restartChild('three');
  expect(three.exists('a')).toBe(true);
});

test('options that are none are told by their paths, all at once', async () => {
  const bad = { maxEntries: 0, expungeIntervalMs: 'sometimes', table: true, behaviour: 'x' } as never;
  await expect(startSupervisor({ set: tokenSet(bad), own: actor({} as never) })).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    problems: expect.arrayContaining(
      ['set.maxEntries', 'set.expungeIntervalMs', 'set.table', 'set.behaviour', 'own.behaviour'].map(
        (path) => expect.objectContaining({ path }) as object,
      ),
    ) as unknown,
  });
});
