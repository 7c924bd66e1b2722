/** A break-glass token in process: its actor, its readers and its callers, on memory and a clock that the test has. */
import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { GenServer } from '../../../../src/actor/gen-server.js';
import { check } from '../../../../src/config/check.js';
import { breakGlassBehaviour, type BreakGlassActorOptions } from '../../../../src/kinds/break-glass/behaviour.js';
import { FakeRef } from '../../../support/fake-ref.js';
import { breakGlass } from '../../../../src/kinds/break-glass/break-glass.js';
import { BreakGlassClient } from '../../../../src/kinds/break-glass/break-glass-client.js';
import { BreakGlassReader } from '../../../../src/kinds/break-glass/break-glass-reader.js';
import { allocateChildMemory, bindWords, openWords } from '../../../../src/memory/child-memory.js';
import { SEALED, SEALED_BYTES, SNAPSHOT, STATUS } from '../../../../src/memory/layout.js';
import { readRecord } from '../../../../src/memory/record.js';
import { AtomicWords } from '../../../../src/memory/words.js';
import { createSimulatedClock } from '../../../../src/testing/simulated-clock.js';
import { turn } from '../../../support/turn.js';

const START_MS = 1_000_000;

/** Memory and a clock that outlive an incarnation, and what was told and sent. */
const world = (options: BreakGlassActorOptions = { keep: false }) => {
  const memory = allocateChildMemory();
  const clock = createSimulatedClock({ wallMs: START_MS, monoMs: 5_000 });
  bindWords(memory.shared, new AtomicWords(memory.shared, clock));
  const shared = openWords(memory.shared);
  const sealed = openWords(memory.sealed, SEALED_BYTES);
  const told: object[] = [];
  const sent: unknown[] = [];
  const emit = (type: string, details: object): void => void told.push({ type, ...details });
  let server: GenServer;
  const incarnate = (incarnation = 1): GenServer => {
    const seatOf = (control: number) => ({ epoch: incarnation, bank: 0 as const, control });
    server = new GenServer({
      name: 'door',
      incarnation,
      owner: 'a test',
      options,
      behaviour: breakGlassBehaviour,
      clock,
      shared,
      sealed,
      leases: {
        snapshot: seatOf(shared.load(SNAPSHOT.control)),
        status: seatOf(shared.load(STATUS.control)),
        sealed: seatOf(sealed.load(SEALED.control)),
      },
      terminateTimeoutMs: 1_000,
      emit,
    });
    server.start();
    return server;
  };
  incarnate();
  const child = { name: 'door', memory: memory.shared };
  const ref = new FakeRef(child, {
    call: (message) => {
      sent.push(message);
      return server.call(message, () => undefined);
    },
    emit,
  });
  const reader = new BreakGlassReader(child);
  return {
    memory,
    shared,
    clock,
    told,
    sent,
    incarnate,
    reader,
    door: new BreakGlassClient(ref),
  };
};

describe('buildAndStore', () => {
  test('gives 32 random bytes in base64url, and when; a lookup finds it from any reader', async () => {
    const { door, reader } = world();
    const built = await door.buildAndStore();
    expect(built).toEqual({ token: expect.stringMatching(/^[\w-]{43}$/) as string, insertedAtMs: START_MS });
    expect(Buffer.from(built.token, 'base64url').length).toBe(32);
    expect([door.lookup(built.token), reader.lookup(built.token)]).toEqual([
      { insertedAtMs: START_MS },
      { insertedAtMs: START_MS },
    ]);
  });

  test('replaces the token before it, which nobody finds any more', async () => {
    const { clock, door, reader } = world();
    const first = await door.buildAndStore();
    clock.advance(10);
    const second = await door.buildAndStore();
    expect(second.token).not.toBe(first.token);
    expect(reader.lookup(first.token)).toBeUndefined();
    expect(reader.lookup(second.token)).toEqual({ insertedAtMs: START_MS + 10 });
  });

  test('keeps a digest alone: no message, no word of memory and no event has the token', async () => {
    const { door, memory, sent, told } = world();
    const { token } = await door.buildAndStore();
    await door.delete('another');
    await door.delete(token);
    door.lookup(token);
    const { token: kept } = await door.buildAndStore();
    const bytes = Buffer.concat([Buffer.from(memory.shared), Buffer.from(memory.sealed)]);
    for (const one of [token, kept]) {
      for (const text of [one, Buffer.from(one, 'base64url')]) expect(bytes.includes(text)).toBe(false);
      expect(JSON.stringify([sent, told, door.status()])).not.toContain(one);
    }
    expect(bytes.includes(createHash('sha256').update(kept).digest('base64'))).toBe(true);
    expect(bytes.includes(createHash('sha256').update(token).digest('base64'))).toBe(false);
  });
});

describe('lookup', () => {
  test('of what is no match, or where there is none, is undefined', async () => {
    const { door, reader } = world();
    expect([reader.lookup(''), reader.lookup('a')]).toEqual([undefined, undefined]);
    const { token } = await door.buildAndStore();
    const others = ['', 'a', token.slice(1), `${token}=`, `${token} `, token.toLowerCase(), 'x'.repeat(100_000)];
    for (const other of others) expect(reader.lookup(other)).toBeUndefined();
    const things: unknown[] = [undefined, null, 5, {}, [token], Buffer.from(token)];
    for (const thing of things) expect(reader.lookup(thing as string)).toBeUndefined();
    expect(reader.lookup(token)).toBeDefined();
  });

  test('takes the same digest and comparison for every text: no prefix, no length of the match is looked at', async () => {
    const { door, reader } = world();
    const { token } = await door.buildAndStore();
    // The other spelling of the same bytes is another token: what is compared is the text.
    const last = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    const sameBytes = token.slice(0, -1) + last[last.indexOf(token.at(-1)!) ^ 1]!;
    expect(Buffer.from(sameBytes, 'base64url').equals(Buffer.from(token, 'base64url'))).toBe(true);
    expect(reader.lookup(sameBytes)).toBeUndefined();
  });

  test('what it gives can’t be changed', async () => {
    const { door, reader } = world();
    const { token } = await door.buildAndStore();
    expect(Object.isFrozen(reader.lookup(token))).toBe(true);
    expect(reader.lookup(token)).toBe(reader.lookup(token));
  });
});

describe('delete', () => {
  test('removes the token that it is given, and no other', async () => {
    const { door, reader } = world();
    const { token } = await door.buildAndStore();
    expect(await door.delete('another')).toBe(false);
    expect(reader.lookup(token)).toBeDefined();
    expect(await door.delete(token)).toBe(true);
    expect(reader.lookup(token)).toBeUndefined();
    expect(await door.delete(token)).toBe(false);
    expect(await door.delete(5 as never)).toBe(false);
    expect(await door.delete('')).toBe(false);
  });

  test('of one that was replaced meanwhile is false, and the new one stays', async () => {
    const { door, reader } = world();
    const { token: old } = await door.buildAndStore();
    const building = door.buildAndStore();
    const deleting = door.delete(old);
    const { token } = await building;
    expect(await deleting).toBe(false);
    expect(reader.lookup(token)).toBeDefined();
  });
});

describe('clear', () => {
  test('is seen by every reader before it returns, with no turn of the actor; it takes what is left of the token', async () => {
    const { door, reader, shared } = world();
    const { token } = await door.buildAndStore();
    expect(reader.lookup(token)).toBeDefined();
    door.clear();
    expect(reader.lookup(token)).toBeUndefined();
    expect(reader.status().stored).toBeUndefined();
    await turn();
    await turn();
    expect(readRecord(shared, SNAPSHOT).payload).toBeUndefined();
  });

  test('succeeds where there is none, and twice', async () => {
    const { door } = world();
    door.clear();
    door.clear();
    const { token } = await door.buildAndStore();
    expect(door.lookup(token)).toBeDefined();
  });

  test('holds for a build that was sent before it, and not for one after it', async () => {
    const { door, reader, shared } = world();
    const before = door.buildAndStore();
    door.clear();
    const { token } = await before;
    expect(reader.lookup(token)).toBeUndefined();
    expect(readRecord(shared, SNAPSHOT).payload).toBeUndefined();
    expect(reader.lookup((await door.buildAndStore()).token)).toBeDefined();
  });

  test('succeeds without an actor, and its successor wipes what is left, also of one that is kept', async () => {
    const { door, reader, shared, incarnate } = world({ keep: true });
    const { token } = await door.buildAndStore();
    const actorless = new BreakGlassClient(
      new FakeRef(reader.handle(), { call: () => Promise.reject(new Error('nobody is there')) }),
    );
    actorless.clear();
    expect(reader.lookup(token)).toBeUndefined();
    incarnate(2);
    expect(readRecord(shared, SNAPSHOT).payload).toBeUndefined();
  });
});

describe('maxAgeMs', () => {
  test('at its end the token is gone for readers at once, and from memory within a second', async () => {
    const { clock, door, reader, shared, told } = world({ keep: false, maxAgeMs: 10_500 });
    const { token } = await door.buildAndStore();
    expect(reader.status().stored).toEqual({ insertedAtMs: START_MS, expiresAtMs: START_MS + 10_500 });
    clock.advance(10_499);
    expect(reader.lookup(token)).toBeDefined();
    clock.advance(1);
    expect(reader.lookup(token)).toBeUndefined();
    expect(await door.delete(token)).toBe(false);
    await clock.advanceAsync(1_000);
    expect(readRecord(shared, SNAPSHOT).payload).toBeUndefined();
    expect(told).toContainEqual({ type: 'break-glass:expired', insertedAtMs: START_MS });
  });

  test('a wall clock that is set back makes no token older than that', async () => {
    const { clock, door, reader } = world({ keep: false, maxAgeMs: 10_000 });
    const { token } = await door.buildAndStore();
    clock.stepWall(-500_000);
    await clock.advanceAsync(9_000);
    expect(reader.lookup(token)).toBeDefined();
    await clock.advanceAsync(1_000);
    expect(reader.lookup(token)).toBeUndefined();
  });

  test('a token lived on past its age when the clock was set back and no actor followed: readers see its true end', async () => {
    const { clock, door, reader, incarnate } = world({ keep: true, maxAgeMs: 600_000 });
    const { token, insertedAtMs } = await door.buildAndStore();
    clock.stepWall(-3_600_000);
    clock.advance(1_000);
    await turn();
    expect(reader.status().stored).toEqual({ insertedAtMs, expiresAtMs: insertedAtMs - 3_600_000 + 600_000 });
    // Nor one that its actor did not come to see: the next one does, at its start.
    clock.stepWall(-3_600_000);
    const last = incarnate(2);
    await turn();
    last.shutDown();
    await turn();
    // Nobody ticks any more.
    clock.advance(598_000);
    expect(reader.lookup(token)).toEqual({ insertedAtMs });
    clock.advance(1_000);
    expect(reader.lookup(token)).toBeUndefined();
  });

  test('a wall clock that is set forward ends it for the actor too', async () => {
    const { clock, door, told } = world({ keep: false, maxAgeMs: 10_000 });
    const { token } = await door.buildAndStore();
    clock.stepWall(10_000);
    expect(await door.delete(token)).toBe(false);
    expect(told).toContainEqual({ type: 'break-glass:expired', insertedAtMs: START_MS });
  });

  test('without it a token is good for ever', async () => {
    const { clock, door, reader } = world();
    const { token } = await door.buildAndStore();
    clock.stepWall(1e12);
    expect(reader.lookup(token)).toBeDefined();
    expect(reader.status().stored).toEqual({ insertedAtMs: START_MS, expiresAtMs: Infinity });
  });
});

describe('events', () => {
  test('a build, a delete and a clear are told, without the token', async () => {
    const { clock, door, told } = world({ keep: false, maxAgeMs: 60_000 });
    const { token } = await door.buildAndStore();
    clock.advance(5);
    const { token: second } = await door.buildAndStore();
    await door.delete(token);
    await door.delete(second);
    door.clear();
    const expiresAtMs = START_MS + 60_000;
    expect(told).toEqual([
      { type: 'break-glass:built', insertedAtMs: START_MS, expiresAtMs, replaced: false },
      { type: 'break-glass:built', insertedAtMs: START_MS + 5, expiresAtMs: expiresAtMs + 5, replaced: true },
      { type: 'break-glass:deleted', insertedAtMs: START_MS + 5 },
      { type: 'break-glass:cleared' },
    ]);
  });

  const lookups = (told: readonly object[]): unknown[] =>
    told.filter((event) => (event as { type: string }).type === 'break-glass:looked-up');

  test('lookups are counted, and told each second in which there was one', async () => {
    const { clock, door, reader, told } = world();
    const { token } = await door.buildAndStore();
    await clock.advanceAsync(5_000);
    expect(lookups(told)).toEqual([]);
    for (const guess of ['a', token, 'b']) reader.lookup(guess);
    door.lookup('c');
    expect(reader.status()).toMatchObject({ matches: 1, misses: 3 });
    await clock.advanceAsync(1_000);
    reader.lookup(token);
    await clock.advanceAsync(2_000);
    expect(lookups(told)).toEqual([
      { type: 'break-glass:looked-up', matches: 1, misses: 3 },
      { type: 'break-glass:looked-up', matches: 1, misses: 0 },
    ]);
    expect(reader.status()).toMatchObject({ matches: 2, misses: 3 });
  });

  test('what an actor before it has told is not told again, and what it has not is', async () => {
    const { clock, reader, told, incarnate } = world();
    reader.lookup('a');
    await clock.advanceAsync(1_000);
    reader.lookup('b');
    reader.lookup('c');
    incarnate(2);
    await clock.advanceAsync(1_000);
    expect(lookups(told)).toEqual([
      { type: 'break-glass:looked-up', matches: 0, misses: 1 },
      { type: 'break-glass:looked-up', matches: 0, misses: 2 },
    ]);
  });

  test('an actor that ends tells the last of them', async () => {
    const { reader, told, incarnate } = world();
    const server = incarnate(2);
    reader.lookup('a');
    server.shutDown();
    await server.ended;
    expect(lookups(told)).toEqual([{ type: 'break-glass:looked-up', matches: 0, misses: 1 }]);
  });

  test('counts that have gone round are told as what they are', async () => {
    const { clock, reader, shared, told } = world();
    const [misses, toldMisses] = [17, 19];
    for (const word of [misses, toldMisses]) shared.store(word, 0x7fffffff);
    for (const guess of ['a', 'b', 'c']) reader.lookup(guess);
    await clock.advanceAsync(1_000);
    expect(lookups(told)).toEqual([{ type: 'break-glass:looked-up', matches: 0, misses: 3 }]);
    expect(reader.status().misses).toBe(2 ** 31 + 2);
  });
});

describe('a successor', () => {
  test('takes back a token that nobody has taken back; with `keep` it adopts it', async () => {
    for (const keep of [false, true]) {
      const { door, reader, incarnate } = world({ keep });
      const { token } = await door.buildAndStore();
      incarnate(2);
      expect(reader.lookup(token) !== undefined).toBe(keep);
      expect(await door.delete(token)).toBe(keep);
    }
  });
});

test('the options, and their bounds', () => {
  const prepared = (options: object) => {
    const { kind } = breakGlass();
    const { value, problems } = check((raw, path, report) => kind.prepare(raw, path, report), options);
    return problems.length > 0 ? problems.map(({ path }) => path) : value;
  };
  expect(prepared({})).toMatchObject({ options: { keep: false }, onExit: 'withdraw', fenceable: true });
  expect(prepared({ onCrash: 'keep', maxAgeMs: 5 })).toMatchObject({
    options: { keep: true, maxAgeMs: 5 },
    onExit: 'keep',
  });
  expect(prepared({ maxAgeMs: 0, onCrash: 'maybe', maxAge: 5 })).toEqual(['maxAge', 'maxAgeMs', 'onCrash']);
});
