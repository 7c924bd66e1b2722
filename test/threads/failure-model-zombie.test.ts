/** The rows A13 to A16 of docs/explanation/failure-model.md: an actor hangs in what can't be terminated. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { attach, credential } from 'tokenvisor';
import { fileStore, refreshToken } from 'tokenvisor/providers';
import { allocateChildMemory, openWords } from '../../src/memory/child-memory.js';
import { Header, SEALED, SEALED_BYTES, SNAPSHOT, STATUS, type RecordPlace } from '../../src/memory/layout.js';
import { fenceRecord, type FencingLease } from '../../src/memory/record.js';
import { serve, tokenAnswer } from '../support/http-server.js';
import {
  afterTest,
  begun,
  cleanUp,
  Control,
  eventually,
  makeGate,
  message,
  mortal,
  readAllTheTime,
  supervise,
  thread,
} from '../support/supervised.js';
import { Death, Word } from './fixtures/deaths.mjs';

afterEach(cleanUp);

const QUICK = { hangTimeoutMs: 300 };
const ZOMBIE = { zombieAfterMs: 200 };

test.each([
  ['a child process', Death.CHILD_PROCESS],
  ['pbkdf2Sync', Death.PBKDF2],
] as const)(
  'A13: hangs in %s: a successor in the other bank adopts, the token is read all the while',
  async (_how, death) => {
    const control = new Control();
    const { fifo, release } = makeGate();
    const { supervisor, children, heard } = await supervise({ stuck: mortal(control, { fifo, ...QUICK }) }, ZOMBIE);
    await supervisor.ready();
    const reader = await readAllTheTime(children.stuck);
    control.set(Word.DEATH, death);
    expect(await heard.next('child:zombie')).toMatchObject({ name: 'stuck', incarnation: 1 });
    expect(children.stuck.current().value).toBe('token-1');
    expect(await heard.next('child:restarted')).toMatchObject({ incarnation: 2 });
    expect((await supervisor.whichChildren())[0]).toMatchObject({ phase: 'running', incarnation: 2, zombies: [1] });
    expect(await begun(children.stuck)).toMatchObject({
      generation: 1,
      attempts: 1,
      refreshAtMs: expect.any(Number) as number,
    });
    expect(heard.of('child:exited')).toEqual([]);
    expect(control.get(Word.MINTS)).toBe(1);
    expect(await children.stuck.refresh()).toMatchObject({ value: 'token-2', generation: 2 });
    release();
    expect(await heard.next('child:exited')).toMatchObject({ incarnation: 1, reason: { kind: 'hung' } });
    expect((await supervisor.whichChildren())[0]).toMatchObject({ phase: 'running', incarnation: 2, zombies: [] });
    // The bank of the dead is free: the next incarnation goes on as after any other death.
    expect(await children.stuck.refresh()).toMatchObject({ value: 'token-3', generation: 3 });
    control.set(Word.DEATH, Death.EXIT);
    expect(await heard.next('child:restarted')).toMatchObject({ incarnation: 3 });
    expect(children.stuck.current().value).toBe('token-3');
    expect(['token-1', 'token-2', 'token-3']).toEqual(expect.arrayContaining(Object.keys(await reader.stop())));
    expect(control.get(Word.MINTS)).toBe(3);
  },
);

/** A lease as the supervisor thread gives it: on the live bank, or beside a living writer on the other one, fenced. */
const seatAt = (buffer: SharedArrayBuffer, place: RecordPlace, epoch: number, byteLength?: number): FencingLease => {
  const words = openWords(buffer, byteLength);
  if (epoch === 1) return { epoch, bank: 0, control: words.load(place.control) };
  return { epoch, bank: 1, control: fenceRecord(words, place, 1) };
};

test('A14: a zombie that wakes up and publishes ends FENCED; the records are the successor’s', async () => {
  const memory = allocateChildMemory();
  const control = new Control();
  // The thread of a zombie can't be made to run again once it was terminated, so these two are run without a supervisor.
  const incarnate = (incarnation: number) => {
    const leases = {
      snapshot: seatAt(memory.shared, SNAPSHOT, incarnation),
      status: seatAt(memory.shared, STATUS, incarnation),
      sealed: seatAt(memory.sealed, SEALED, incarnation, SEALED_BYTES),
    };
    const { bank } = leases.snapshot;
    const heartbeat = { index: Header.HEARTBEAT + bank, threadId: Header.THREAD_ID + bank, everyMs: 100 };
    return thread('lone-actor.mjs', { memory, control: control.buffer, incarnation, leases, heartbeat });
  };
  const reader = attach({ tokenvisor: 1, kind: 'actor', name: 'lone', memory: memory.shared });
  const records = () => ({ snapshot: reader.snapshot(), details: reader.status().details });

  const zombie = incarnate(1);
  expect(await message(zombie)).toBe('published');
  expect(records()).toEqual({ snapshot: { by: 1 }, details: { by: 1 } });
  control.set(Word.DEATH, Death.LOOP);
  await eventually('the zombie sleeps', () => control.get(Word.DONE) === 1);

  const successor = incarnate(2);
  expect(await message(successor)).toBe('published');
  expect(records()).toEqual({ snapshot: { by: 2 }, details: { by: 2 } });

  const told: unknown[] = [];
  zombie.on('message', (what) => told.push(what));
  control.set(Word.STOP, 1);
  await eventually('its end', () => told.length === 2);
  expect(told).toEqual([
    {
      attempts: { publish: 'FENCED', withdraw: 'FENCED', setStatus: 'FENCED', seal: 'FENCED' },
      sealed: { by: 2 },
    },
    { kind: 'crash', error: expect.objectContaining({ code: 'FENCED' }) as object },
  ]);
  expect(records()).toEqual({ snapshot: { by: 2 }, details: { by: 2 } });
});

test('A15: with a file store: no successor before the exit, and the file is used by one at a time', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'tokenvisor-'));
  afterTest(() => rmSync(folder, { recursive: true, force: true }));
  const server = await serve(() =>
    tokenAnswer({
      access_token: `access-${server.seen.length}`,
      refresh_token: `refresh-${server.seen.length}`,
      expires_in: 3,
    }),
  );
  afterTest(() => server.close());
  const control = new Control();
  const { fifo, release } = makeGate();
  const grant = refreshToken({
    tokenEndpoint: `${server.origin}/token`,
    clientId: 'me',
    refreshToken: 'refresh-0',
    store: fileStore(path.join(folder, 'store.json')),
  });
  expect(grant.fenceable).toBe(false);
  const { supervisor, children, heard } = await supervise(
    {
      mail: credential({
        provider: {
          module: new URL('./fixtures/mortal-refresh-token.mjs', import.meta.url).href,
          export: 'provider',
          options: { control: control.buffer, fifo, grant: grant.options },
          fenceable: grant.fenceable,
        },
        maxRestarts: 500,
        leadMs: 0,
        ...QUICK,
      }),
    },
    ZOMBIE,
  );
  await supervisor.ready();
  control.set(Word.DEATH, Death.CHILD_PROCESS);
  await heard.next('child:zombie');
  await eventually('the zombie', () => children.mail.status().state === 'zombie');
  expect(children.mail.status()).toMatchObject({ usable: true, incarnation: 1 });
  expect(children.mail.current().value).toBe('access-1');
  await eventually('the end of the token', () => !children.mail.status().usable);
  expect(() => children.mail.current()).toThrow(expect.objectContaining({ code: 'TOKEN_EXPIRED' }));
  expect(children.mail.status()).toMatchObject({ state: 'zombie', incarnation: 1 });
  expect(control.get(Word.OPENED)).toBe(1);
  expect(server.seen).toHaveLength(1);
  const waiting = children.mail.get({ timeoutMs: 15_000 });
  release();
  expect(await heard.next('child:exited')).toMatchObject({ incarnation: 1, reason: { kind: 'hung' } });
  expect((await waiting).value).toBe('access-2');
  expect(server.seen.map(({ form }) => form.get('refresh_token'))).toEqual(['refresh-0', 'refresh-1']);
  expect(children.mail.status()).toMatchObject({ incarnation: 2 });
});

test('A16: the successor dies too, the zombie alive: a second one takes the first one’s bank', async () => {
  const control = new Control();
  const { fifo, release } = makeGate();
  const { supervisor, children, heard } = await supervise({ stuck: mortal(control, { fifo, ...QUICK }) }, ZOMBIE);
  await supervisor.ready();
  const reader = await readAllTheTime(children.stuck);
  control.set(Word.DEATH, Death.CHILD_PROCESS);
  expect(await heard.next('child:restarted')).toMatchObject({ incarnation: 2 });
  expect(await children.stuck.refresh()).toMatchObject({ value: 'token-2', generation: 2 });
  for (const [death, incarnation] of [[Death.THROW, 3] as const, [Death.LOOP, 4] as const]) {
    control.set(Word.DEATH, death);
    expect(await heard.next('child:exited')).toMatchObject({ incarnation: incarnation - 1 });
    expect(await heard.next('child:restarted')).toMatchObject({ incarnation });
    expect(children.stuck.current()).toMatchObject({ value: 'token-2', generation: 2 });
    expect(await begun(children.stuck)).toMatchObject({
      generation: 2,
      attempts: 2,
      refreshAtMs: expect.any(Number) as number,
    });
  }
  expect((await supervisor.whichChildren())[0]).toMatchObject({ incarnation: 4, zombies: [1] });
  expect(control.get(Word.MINTS)).toBe(2);
  expect(await children.stuck.refresh()).toMatchObject({ value: 'token-3', generation: 3 });
  // The successor becomes a zombie as well: no third thread beside two that live.
  control.set(Word.DEATH, Death.CHILD_PROCESS);
  expect(await heard.next('child:zombie')).toMatchObject({ incarnation: 1 });
  expect(await heard.next('child:zombie')).toMatchObject({ incarnation: 4 });
  await eventually('the zombie', () => children.stuck.status().state === 'zombie');
  expect(children.stuck.status()).toMatchObject({ usable: true, incarnation: 4 });
  expect(control.get(Word.OPENED)).toBe(4);
  release();
  expect(await heard.next('child:restarted')).toMatchObject({ incarnation: 5 });
  expect(children.stuck.current()).toMatchObject({ value: 'token-3', generation: 3 });
  expect(await children.stuck.refresh()).toMatchObject({ value: 'token-4', generation: 4 });
  const seen = Object.keys(await reader.stop());
  expect(['token-1', 'token-2', 'token-3', 'token-4']).toEqual(expect.arrayContaining(seen));
});
