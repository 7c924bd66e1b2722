/**
 * Strange messages between the starting thread and the supervisor's, and between an actor and the process of its LMDB
 * database; and tables that something else has written into. Nothing of it hangs, or ends a process.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { MessageChannel, Worker } from 'node:worker_threads';
import { afterEach, expect, test } from 'vitest';
import { actor, startSupervisor } from 'tokenvisor';
import { revocationLedger, tokenSet } from 'tokenvisor/inbound';
import { memoryStore } from 'tokenvisor/storage';
import { Pulse } from '../../src/supervision/thread/supervisor-pulse.js';
import { SECRET } from '../support/signed-tokens.js';
import { afterTest, BOUND_MS, cleanUp, eventually, Heard, supervise } from '../support/supervised.js';

afterEach(cleanUp);

const SEED = Number(process.env['FUZZ_SEED'] ?? 20_260_202);
const fixture = (name: string): URL => new URL(`./fixtures/${name}`, import.meta.url);
const dist = (name: string): URL => new URL(`../../dist/${name}`, import.meta.url);

/** Anything that can cross, and what is nearly a message. */
const STRANGE: readonly unknown[] = [
  ...[null, 0, NaN, '', 'start', 7n, true, [], {}, new Map([[1, 1]]), new Error('x'), new Uint8Array(3)],
  ...[{ kind: 'calls' }, { kind: 'calls', name: 'own', incarnation: 1, calls: null }, { kind: 'constructor' }],
  ...[{ kind: 'event' }, { kind: 'event', type: 1, details: {} }, { kind: 'event', type: 'x', details: null }],
  ...[{ kind: 'forgotten' }, { kind: 'forgotten', name: {} }, { kind: 'ended' }, { kind: 'ended', reason: 1 }],
  ...[{ id: 1 }, { id: '1' }, { id: '1', type: 'GET', path: [] }, { id: '1', type: 'SET', path: ['start'] }],
  ...[{ id: '1', type: 'APPLY', path: ['constructor'], argumentList: [] }],
  ...[{ id: '1', type: 'APPLY', path: ['start', 'constructor'], argumentList: [] }],
  ...[
    { id: '1', type: 'APPLY', path: 'start', argumentList: [] },
    { id: '1', type: 'APPLY', path: ['start'] },
  ],
];

/** Requests of the right form, for what there is none of. */
const ARGUMENTS: readonly unknown[] = [undefined, null, 1, 'x', [null], [{}], {}, { kind: 'no such' }, { rules: null }];
const METHODS = ['start', 'adopt', 'startChild', 'command', 'reconfigure', 'connectRemote', 'endThread'] as const;

test('on the control port of the supervisor thread: told, or answered with an error, and it goes on', async () => {
  const [control, messages] = [new MessageChannel(), new MessageChannel()];
  const pulse = new Int32Array(new SharedArrayBuffer(Pulse.BYTES));
  const thread = new Worker(dist('runtime/supervisor-entry.cjs'), {
    workerData: {
      rules: { strategy: 'one_for_one', maxRestarts: 3, maxSeconds: 5 },
      actorEntry: dist('runtime/actor-entry.cjs').pathname,
      pulse: pulse.buffer,
      control: control.port2,
      messages: messages.port2,
    },
    transferList: [control.port2, messages.port2],
    env: {},
    execArgv: [],
  });
  let exit: number | undefined;
  const deaths: unknown[] = [];
  thread.on('error', (error) => deaths.push(error));
  thread.on('exit', (code) => (exit = code));
  afterTest(() => thread.terminate());
  afterTest(() => [control.port1, messages.port1].forEach((port) => port.close()));
  const told: { type?: string }[] = [];
  const answers = new Map<string, unknown>();
  messages.port1.on('message', (message) => told.push(message as { type?: string }));
  control.port1.on('message', (answer: { id: string }) => answers.set(answer.id, answer));
  for (const message of STRANGE) control.port1.postMessage(message);
  await eventually('all of them told', () => told.filter(({ type }) => type === 'error').length >= STRANGE.length);
  expect(answers.size).toBe(0);
  const requests = METHODS.flatMap((method) => ARGUMENTS.map((value) => ({ method, value })));
  for (const [id, { method, value }] of requests.entries()) {
    const argumentList = [{ type: 'RAW', value }];
    control.port1.postMessage({ id: String(id), type: 'APPLY', path: [method], argumentList });
  }
  control.port1.postMessage({ id: 'last', type: 'APPLY', path: ['whichChildren'], argumentList: [] });
  await eventually('an answer after all of them', () => answers.has('last') || exit !== undefined);
  expect([exit, deaths]).toEqual([undefined, []]);
  const before = Atomics.load(pulse, Pulse.TICK);
  await eventually('its pulse', () => Atomics.load(pulse, Pulse.TICK) > before);
});

test('on the port that the starting thread hears: told, and its process goes on', async () => {
  const heard = new Heard();
  const module = fixture('fuzz-kinds.mjs');
  const supervisor = await startSupervisor(
    { own: actor({ behaviour: { module, export: 'fuzzed' } }) },
    { workerUrl: fixture('strange/runtime/strange-supervisor.mjs') },
  );
  supervisor.on('event', heard.note);
  afterTest(() => supervisor.close({ timeoutMs: 5_000 }));
  const { own } = supervisor.children;
  expect(await own.call('x')).toBe('string');
  // It repeats itself with every word that it is asked for.
  await supervisor.restartChild('own').catch(() => undefined);
  await eventually('all of them told', () => heard.of('error').length >= 15);
  expect(await own.call('x')).toBe('string');
  expect(heard.of('child:exited')).toEqual([]);
});

test('to the process of an LMDB database: dropped, or answered with an error, and it serves', async () => {
  const directory = mkdtempSync(path.join(tmpdir(), 'tokenvisor-fuzz-'));
  afterTest(() => rmSync(directory, { recursive: true, force: true }));
  const owner: ChildProcess = fork(dist('storage/lmdb/lmdb-process.js'), {
    execArgv: [],
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  let said = '';
  owner.stderr?.setEncoding('utf8').on('data', (text: string) => (said += text));
  const exited = new Promise((resolve) => owner.once('exit', resolve));
  afterTest(async () => {
    if (owner.connected) owner.disconnect();
    await exited;
  });
  const answers = new Map<number, { ok: boolean; code?: string; value?: unknown }>();
  owner.on('message', (answer: { id: number; ok: boolean }) => answers.set(answer.id, answer));
  let lastId = 0;
  const ask = (operation: unknown, given: unknown): number => {
    lastId += 1;
    owner.send({ id: lastId, operation, arguments: given });
    return lastId;
  };
  const answered = async (id: number): Promise<{ ok: boolean; code?: string; value?: unknown }> => {
    await eventually('an answer', () => answers.has(id) || owner.exitCode !== null);
    expect([owner.exitCode, said]).toEqual([null, '']);
    return answers.get(id)!;
  };
  expect(await answered(ask('get', [['a']]))).toMatchObject({ ok: false, code: 'STORE_UNAVAILABLE' });
  expect(await answered(ask('open', [directory, 1_000]))).toMatchObject({ ok: true });
  const write = { key: 'a', state: 1, expiresAtMs: Infinity, data: '{}', replaces: 0 };
  expect(await answered(ask('write', [[write]]))).toMatchObject({ ok: true, value: [1] });
  for (const message of STRANGE.filter((one) => typeof one !== 'bigint')) owner.send(message as object);
  owner.send('text');
  const unknown = ['constructor', '__proto__', 'toString', '', null, {}].map((operation) => ask(operation, []));
  const strange = ['get', 'write', 'remove', 'entries', 'bySubject', 'expired'].flatMap((operation) =>
    [[null], [[null]], [[{}]], [{}], [7]].map((given) => ask(operation, given)),
  );
  expect(await answered(ask('get', [['a']]))).toMatchObject({ ok: true, value: [{ key: 'a', version: 1, state: 1 }] });
  expect(unknown.filter((id) => answers.has(id))).toEqual([]);
  for (const id of strange) {
    const { ok, code } = answers.get(id)!;
    if (!ok) expect(code).toMatch(/^STORE_/);
  }
});

test('readers of a table that is written into meanwhile: an answer, or a coded error, and an end', async () => {
  const verify = { secret: SECRET, algorithms: ['HS256'] } as const;
  const { children, supervisor } = await supervise({
    set: tokenSet({ maxEntries: 10_000 }),
    ledger: revocationLedger({ verify, maxEntries: 10_000, store: memoryStore() }),
    other: tokenSet({ maxEntries: 1_000 }),
  });
  await supervisor.ready();
  await children.set.insertMany(Array.from({ length: 2_000 }, (_, index) => `token-${index}`));
  await children.other.insert('kept');
  const [set, ledger] = [children.set.handle(), children.ledger.handle()] as { table: { buffer: SharedArrayBuffer } }[];
  const buffers = [set!.table.buffer, ledger!.table.buffer];
  const thread = new Worker(fixture('fuzz-table.mjs'), {
    workerData: { set, ledger, buffers, rounds: 40, seed: SEED },
    env: {},
    execArgv: [],
  });
  afterTest(() => thread.terminate());
  const result = await Promise.race([
    new Promise((resolve, reject) => {
      thread.once('message', resolve);
      thread.once('error', reject);
    }),
    new Promise((resolve) => setTimeout(resolve, BOUND_MS, 'it never ended').unref()),
  ]);
  expect(result, `seed ${SEED}`).toMatchObject({ faults: [] });
  // Some of it was read, and some was not: it was not all refused at the door.
  const { answers } = result as { answers: { right: number; wrong: number } };
  expect(Math.min(answers.right, answers.wrong)).toBeGreaterThan(100);
  // Its writer meets the same, and ends by itself, if at all.
  await children.set.insert('one more', { timeoutMs: 500 }).catch((error: unknown) => {
    expect(error).toMatchObject({ name: 'TokenvisorError' });
  });
  expect(children.other.exists('kept')).toBe(true);
});
