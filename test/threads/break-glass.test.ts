/** A break-glass token with real threads: who sees it, and what becomes of it when one of them dies. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { type MessagePort, Worker } from 'node:worker_threads';
import { afterEach, describe, expect, test } from 'vitest';
import { attach } from 'tokenvisor';
import { breakGlass, type BreakGlass, type BreakGlassOptions } from 'tokenvisor/inbound';
import { killChildThread, killSupervisorThread } from 'tokenvisor/testing';
import { afterTest, BOUND_MS, cleanUp, Control, eventually, message, supervise } from '../support/supervised.js';

afterEach(cleanUp);

const start = async (options: BreakGlassOptions = {}) => {
  const { supervisor, children, heard } = await supervise({ door: breakGlass({ maxRestarts: 500, ...options }) });
  return { supervisor, heard, door: children.door };
};

const fixture = (name: string): URL => new URL(`./fixtures/${name}`, import.meta.url);

const threadWith = (handle: object, more: object = {}): Worker => {
  const worker = new Worker(fixture('glass-thread.mjs'), {
    workerData: { handle, ...more },
    transferList: 'port' in handle ? [handle.port as MessagePort] : [],
    env: {},
    execArgv: [],
  });
  afterTest(() => worker.terminate());
  return worker;
};

const order = (worker: Worker, what: string, ...given: unknown[]): Promise<unknown> => {
  worker.postMessage({ order: what, given });
  return message(worker);
};

test('built once, found in every thread, deleted by who has it', async () => {
  const { door, heard } = await start();
  const worker = threadWith(door.handle());
  await message(worker);
  const beforeMs = Date.now();
  const { token, insertedAtMs } = await door.buildAndStore();
  expect(insertedAtMs).toBeGreaterThanOrEqual(beforeMs);
  expect(insertedAtMs).toBeLessThanOrEqual(Date.now());
  expect(door.lookup(token)).toEqual({ insertedAtMs });
  expect(await order(worker, 'lookup', token)).toEqual({ value: { insertedAtMs } });
  expect(await order(worker, 'lookup', `${token}!`)).toEqual({ value: undefined });
  expect(attach(door.handle()).lookup(token)).toEqual({ insertedAtMs });
  expect(await door.delete(`${token}!`)).toBe(false);
  expect(await door.delete(token)).toBe(true);
  expect(door.lookup(token)).toBeUndefined();
  expect(await order(worker, 'lookup', token)).toEqual({ value: undefined });
  expect(await heard.next('break-glass:built')).toMatchObject({ name: 'door', insertedAtMs, replaced: false });
  expect(await heard.next('break-glass:deleted')).toMatchObject({ name: 'door', insertedAtMs });
  await eventually('all lookups to be told', () => {
    const told = heard.of('break-glass:looked-up');
    return (
      told.reduce((sum, { matches }) => sum + matches, 0) === 3 &&
      told.reduce((sum, { misses }) => sum + misses, 0) === 3
    );
  });
  expect(door.status()).toMatchObject({ state: 'running', matches: 3, misses: 3 });
  expect(JSON.stringify(heard.all)).not.toContain(token);
});

test('a writer in another thread does all of it while the starting thread is blocked, and its clear is told', async () => {
  const { door, heard } = await start();
  const control = new Control();
  const worker = threadWith(await door.writer(), { script: 'everything', control: control.buffer });
  // No turn of this thread until the writer is done.
  expect(Atomics.wait(control.words, 0, 0, BOUND_MS)).not.toBe('timed-out');
  const insertedAtMs = expect.any(Number) as number;
  expect(await message(worker)).toEqual({
    insertedAtMs,
    found: { insertedAtMs },
    deleted: [false, true, false],
    cleared: undefined,
  });
  expect(await heard.next('break-glass:cleared')).toMatchObject({ name: 'door' });
  expect(door.status().stored).toBeUndefined();
});

test('messages are taken in the order in which they were sent', async () => {
  const { door } = await start();
  const { token } = await door.buildAndStore();
  const [deleted, built, again] = await Promise.all([door.delete(token), door.buildAndStore(), door.delete(token)]);
  expect([deleted, again]).toEqual([true, false]);
  expect(door.lookup(built.token)).toBeDefined();
});

describe('a death', () => {
  /** What is found of the token when each of these events is told. */
  const watch = (supervisor: { on: (...args: never[]) => unknown }, door: BreakGlass, token: string) => {
    const seen: string[] = [];
    for (const event of ['child:exited', 'child:restarting', 'child:parked', 'supervisor:exited']) {
      const note = (): void => void seen.push(`${event}: ${door.lookup(token) ? 'found' : 'gone'}`);
      (supervisor.on as (name: string, listener: () => void) => void)(event, note);
    }
    return seen;
  };

  test('of the actor takes the token before any restart; the next one makes another', async () => {
    const { supervisor, door, heard } = await start();
    const { token } = await door.buildAndStore();
    const seen = watch(supervisor, door, token);
    await killChildThread(supervisor, 'door');
    await heard.next('child:restarted', 'door');
    expect(seen).toEqual(['child:exited: gone', 'child:restarting: gone']);
    expect(await door.delete(token)).toBe(false);
    const next = await door.buildAndStore();
    expect(door.lookup(next.token)).toBeDefined();
    expect(door.lookup(token)).toBeUndefined();
  });

  test('of an actor that is parked takes it too; clear() succeeds, and resume() brings an actor', async () => {
    const { supervisor, door, heard } = await start({ maxRestarts: 0 });
    const { token } = await door.buildAndStore();
    const seen = watch(supervisor, door, token);
    await killChildThread(supervisor, 'door');
    await heard.next('child:parked', 'door');
    expect(seen).toContain('child:parked: gone');
    expect(seen.filter((what) => what.endsWith('found'))).toEqual([]);
    await expect(door.buildAndStore()).rejects.toMatchObject({ code: 'NO_PROC' });
    await expect(door.delete(token)).rejects.toMatchObject({ code: 'NO_PROC' });
    door.clear();
    expect(await heard.next('break-glass:cleared')).toMatchObject({ name: 'door' });
    await door.resume();
    await heard.next('child:restarted', 'door');
    expect(door.lookup((await door.buildAndStore()).token)).toBeDefined();
  });

  test('of the supervisor thread takes it at the starting thread’s next turn', async () => {
    const { supervisor, door, heard } = await start();
    const { token } = await door.buildAndStore();
    const seen = watch(supervisor, door, token);
    await killSupervisorThread(supervisor);
    await heard.next('supervisor:restarted');
    expect(seen).toContain('supervisor:exited: gone');
    expect(door.lookup(token)).toBeUndefined();
    await eventually('an actor', () => door.status().state === 'running');
    expect(await door.delete(token)).toBe(false);
  });

  test('with onCrash: keep the token outlives the actor, a park and the supervisor thread', async () => {
    const { supervisor, door, heard } = await start({ onCrash: 'keep', maxRestarts: 1 });
    const { token, insertedAtMs } = await door.buildAndStore();
    const seen = watch(supervisor, door, token);
    await killChildThread(supervisor, 'door');
    await heard.next('child:restarted', 'door');
    await killSupervisorThread(supervisor);
    await heard.next('supervisor:restarted');
    await eventually('an actor', () => door.status().state === 'running');
    expect(door.lookup(token)).toEqual({ insertedAtMs });
    await killChildThread(supervisor, 'door');
    await heard.next('child:parked', 'door');
    expect(door.lookup(token)).toEqual({ insertedAtMs });
    expect(seen.filter((what) => what.endsWith('gone'))).toEqual([]);
    // A kept token can be cleared with no actor there.
    door.clear();
    expect(door.lookup(token)).toBeUndefined();
  });

  test('a stop takes it, also one that would be kept, and a new start knows nothing of it', async () => {
    const { supervisor, door } = await start({ onCrash: 'keep' });
    const { token } = await door.buildAndStore();
    await supervisor.close();
    expect(door.lookup(token)).toBeUndefined();
    expect(door.status()).toMatchObject({ state: 'stopped' });
    door.clear();
    await expect(door.buildAndStore()).rejects.toMatchObject({ code: 'NO_PROC' });
    const { door: another } = await start({ onCrash: 'keep' });
    expect(another.lookup(token)).toBeUndefined();
  });
});

test('maxAgeMs: gone at its end, and told', async () => {
  const { door, heard } = await start({ maxAgeMs: 300 });
  const { token, insertedAtMs } = await door.buildAndStore();
  expect(door.lookup(token)).toBeDefined();
  await eventually('the end of the token', () => door.lookup(token) === undefined);
  expect(Date.now()).toBeGreaterThanOrEqual(insertedAtMs + 300);
  expect(await heard.next('break-glass:expired')).toMatchObject({ name: 'door', insertedAtMs });
});

test('no heap holds a token but that of who keeps it: neither the actor’s nor the starting thread’s', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [fixture('heap-search.mjs').pathname], {
    timeout: 40_000,
  });
  expect(JSON.parse(stdout)).toEqual({
    actor: { planted: true, used: false, deleted: false, kept: false },
    starter: { planted: false, used: false, deleted: false, kept: true },
  });
});
