/** The table of a child: written by its actor, read by any thread, over deaths of all others but the starting one. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { Worker } from 'node:worker_threads';
import { afterEach, expect, test } from 'vitest';
import { actor, expirySeconds, type Actor, type ActorOptions, type ChildSpec, type TableReader } from 'tokenvisor';
import { killSupervisorThread } from 'tokenvisor/testing';
import { afterTest, cleanUp, eventually, makeGate, message, supervise } from '../support/supervised.js';

afterEach(cleanUp);

const fixture = (name: string): URL => new URL(`./fixtures/${name}`, import.meta.url);

const kind = (options: Partial<ActorOptions> = {}): ChildSpec<Actor> =>
  actor({
    behaviour: { module: fixture('doors-kind.mjs'), export: 'doors' },
    maxRestarts: 500,
    table: { maxEntries: 10_000 },
    ...options,
  });

const rowsOf = (table: TableReader, ...keys: readonly string[]): Int32Array => {
  const rows = new Int32Array(keys.length * 5);
  keys.forEach((key, index) => table.writeRow(rows, index, key, expirySeconds(Infinity, 'down'), index));
  return rows;
};

const threadWith = async (child: Actor): Promise<(order: string, given?: object) => Promise<unknown>> => {
  const writer = await child.writer();
  const transferList = [writer.port];
  const worker = new Worker(fixture('writer-thread.mjs'), {
    workerData: { writer },
    transferList,
    env: {},
    execArgv: [],
  });
  afterTest(() => worker.terminate());
  return (order, given = {}) => {
    worker.postMessage({ order, ...given });
    return message(worker);
  };
};

test('is read everywhere, and outlives the actor and the supervisor thread', async () => {
  const { supervisor, children, heard } = await supervise({ own: kind() });
  const { own } = children;
  const elsewhere = await threadWith(own);
  expect(await own.call({ do: 'put', with: rowsOf(own.table, 'a', 'b') })).toBe(2);
  expect(own.table.get('b')).toEqual({ expiresAtMs: Infinity, meta: 1 });
  expect(await elsewhere('has', { key: 'a' })).toEqual({ value: true });
  expect(await elsewhere('has', { key: 'c' })).toEqual({ value: false });
  own.cast({ do: 'exit' });
  await heard.next('child:restarted');
  expect(await own.call({ do: 'put', with: rowsOf(own.table, 'b', 'c') })).toBe(1);
  await killSupervisorThread(supervisor);
  expect(['a', 'b', 'c', 'd'].map((key) => own.table.has(key))).toEqual([true, true, true, false]);
  await heard.next('child:restarted');
  expect(await own.call({ do: 'put', with: rowsOf(own.table, 'd') })).toBe(1);
  expect(own.table.size).toBe(4);
  expect(await elsewhere('has', { key: 'd' })).toEqual({ value: true });
  expect(own.handle()).toHaveProperty('table');
  expect(own.handle()).not.toHaveProperty('sealed');
});

test('has no second writer beside a zombie: it is read on, and calls reject at once, until that has ended', async () => {
  const { fifo, release } = makeGate();
  const { supervisor, children, heard } = await supervise(
    { own: kind({ hangTimeoutMs: 200 }) },
    { zombieAfterMs: 100 },
  );
  const { own } = children;
  const elsewhere = await threadWith(own);
  await own.call({ do: 'put', with: rowsOf(own.table, 'kept') });
  own.cast({ do: 'wait', with: fifo });
  const pending = expect(own.call({ do: 'echo' }, { timeoutMs: 60_000 })).rejects.toMatchObject({ code: 'ACTOR_DOWN' });
  await heard.next('child:zombie');
  await pending;
  await eventually('the zombie', () => own.status().state === 'zombie');
  const row = rowsOf(own.table, 'late');
  await expect(own.call({ do: 'put', with: row })).rejects.toMatchObject({ code: 'NO_PROC' });
  expect(await elsewhere('call', { message: { do: 'put', with: row } })).toEqual({ code: 'NO_PROC' });
  expect([own.table.has('kept'), own.table.has('late')]).toEqual([true, false]);
  expect(await elsewhere('has', { key: 'kept' })).toEqual({ value: true });
  expect((await supervisor.whichChildren())[0]).toMatchObject({ phase: 'zombie', incarnation: 1 });
  release();
  await heard.next('child:restarted');
  expect(await own.call({ do: 'put', with: row })).toBe(1);
  expect(await elsewhere('has', { key: 'late' })).toEqual({ value: true });
});

test('is there if it was asked for, and else said to be missing', async () => {
  const { children, supervisor } = await supervise({
    none: actor({ behaviour: { module: fixture('doors-kind.mjs'), export: 'doors' } }),
  });
  const missing = { code: 'CONFIG_INVALID', child: 'none' };
  expect(() => children.none.table).toThrow(expect.objectContaining(missing) as Error);
  await expect(children.none.call({ do: 'put', with: new Int32Array(5) })).rejects.toMatchObject({
    code: 'ACTOR_DOWN',
  });
  for (const [options, path] of [
    [{ table: { maxEntries: 0 } }, 'bad.table'],
    [{ table: { maxEntries: 40_000_001 } }, 'bad.table'],
    [{ table: { entries: 1 } }, 'bad.table'],
    [{ table: false }, 'bad.table'],
    [{ fenceable: true }, 'bad.fenceable'],
  ] as const) {
    const bad = expect(supervisor.startChild('bad', kind(options as never))).rejects;
    await bad.toMatchObject({ code: 'CONFIG_INVALID', problems: [{ path: expect.stringContaining(path) as string }] });
  }
});

test('regression: a Node without WebAssembly was said to lack address space', async () => {
  const start = `import { startSupervisor } from 'tokenvisor';
    import { tokenSet } from 'tokenvisor/inbound';
    await startSupervisor({ sessions: tokenSet() }).catch(({ code, message }) => console.log(code, message));`;
  const { stdout } = await promisify(execFile)(process.execPath, ['--jitless', '--input-type=module', '-e', start]);
  expect(stdout).toMatch(/^START_FAILED Expected WebAssembly, .* without --jitless$/m);
});
