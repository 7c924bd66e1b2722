/**
 * The snapshot with real threads: writers that are ended anywhere, zombies, readers and waiters beside them. What no
 * schedule of the machine's would find is in test/property/snapshot-interleavings.test.ts.
 */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { afterEach, describe, expect, test } from 'vitest';
import type { TransferableHandle } from 'tokenvisor';
import { allocateChildMemory, openWords } from '../../src/memory/child-memory.js';
import { ConditionVariable } from '../../src/memory/condition.js';
import { Header, SNAPSHOT } from '../../src/memory/layout.js';
import {
  lastGeneration,
  readRecord,
  RecordWriter,
  takeLease,
  withdrawRecord,
  wipeAfter,
  type FencingLease,
} from '../../src/memory/record.js';
import { type AtomicWords, notify } from '../../src/memory/words.js';
import { headerOf, isWhole, payloadOf, publishNext, Seen } from './fixtures/snapshot.mjs';

const WAIT_MS = 20_000;
const threads = new Set<Worker>();

const startThread = async (file: string, workerData: unknown): Promise<Worker> => {
  const thread = new Worker(new URL(`./fixtures/${file}`, import.meta.url), { workerData, env: {}, execArgv: [] });
  threads.add(thread);
  thread.once('exit', () => threads.delete(thread));
  await once(thread, 'message');
  return thread;
};

const exitOf = async (thread: Worker): Promise<number> => {
  const [code] = (await once(thread, 'exit')) as [number];
  return code;
};

const end = async (thread: Worker): Promise<void> => void (await thread.terminate());

afterEach(async () => void (await Promise.all([...threads].map(end))));

/** A reader thread, and what it has seen so far. */
const startReader = async (memory: SharedArrayBuffer) => {
  const seen = new Int32Array(new SharedArrayBuffer(Seen.WORDS * 4));
  const thread = await startThread('snapshot-reader.mjs', { memory, seen: seen.buffer });
  const count = (word: number): number => Atomics.load(seen, word);
  return {
    count,
    keep: (generation: number): void => void Atomics.store(seen, Seen.KEPT, generation),
    stop: async (): Promise<void> => {
      const exit = exitOf(thread);
      Atomics.store(seen, Seen.STOP, 1);
      await exit;
    },
  };
};

const newMemory = () => {
  const { shared } = allocateChildMemory();
  const words = openWords(shared);
  const doorbell = new ConditionVariable(words, Header.CHANGE);
  /** Until the generation is that or past it. */
  const published = (generation: number): Promise<true> =>
    doorbell.wait(() => lastGeneration(words, SNAPSHOT) >= generation || undefined, {
      timeoutMs: WAIT_MS,
      onTimeout: () => new Error(`generation ${generation} was not published`),
    });
  return { shared, words, published };
};

const isIdle = (words: AtomicWords, before: AtomicWords['view']): boolean => {
  const slots = (memory: Int32Array): Int32Array =>
    memory.subarray(SNAPSHOT.slots, SNAPSHOT.slots + 4 * SNAPSHOT.slotWords);
  const now = slots(words.view);
  return slots(before).every((word, index) => word === now[index]);
};

describe('a writer that is ended at random, 200 times', () => {
  test('two readers see no torn record, and no generation twice or backwards; each successor publishes', async () => {
    const KILLS = 200;
    const { shared, words, published } = newMemory();
    const readers = await Promise.all([startReader(shared), startReader(shared)]);
    const startWriter = (): Promise<Worker> => startThread('snapshot-writer.mjs', { memory: shared, act: 'publishOn' });
    let next = startWriter();
    let cutShort = 0;
    for (let kill = 0; kill < KILLS; kill += 1) {
      const writer = await next;
      if (kill < KILLS - 1) next = startWriter();
      const before = lastGeneration(words, SNAPSHOT);
      writer.postMessage(takeLease(words, SNAPSHOT, kill + 1, []));
      await published(before + 1 + Math.floor(Math.random() * 50));
      await end(writer);
      expect(lastGeneration(words, SNAPSHOT)).toBeGreaterThan(before);
      const record = readRecord(words, SNAPSHOT);
      expect(record).toMatchObject({ epoch: kill + 1, generation: lastGeneration(words, SNAPSHOT) });
      // What it left half done is nobody's any more: to wipe it shows that there was some.
      const left = words.view.slice();
      wipeAfter(words, SNAPSHOT, 0);
      if (!isIdle(words, left)) cutShort += 1;
    }
    for (const { stop } of readers) await stop();
    for (const { count } of readers) {
      expect(count(Seen.TORN)).toBe(0);
      expect(count(Seen.BACK)).toBe(0);
      expect(count(Seen.RECORDS)).toBeGreaterThan(KILLS);
    }
    expect(cutShort).toBeGreaterThan(0);
    console.log(
      `200 writers ended, ${cutShort} of them in the middle of a publication; ${lastGeneration(words, SNAPSHOT)} records; ` +
        `reads ${readers.map(({ count }) => `${count(Seen.READS)} (${count(Seen.RECORDS)} records)`).join(', ')}; 0 torn`,
    );
  }, 240_000);
});

describe('a zombie', () => {
  test('that goes on writing after it was fenced is never seen: two successors beside it are', async () => {
    const { shared, words, published } = newMemory();
    const reader = await startReader(shared);
    const start = (act: string): Promise<Worker> => startThread('snapshot-writer.mjs', { memory: shared, act });
    const [zombie, first, second] = await Promise.all([start('haunt'), start('publishOn'), start('publishOn')]);

    const zombieSeat = takeLease(words, SNAPSHOT, 1, []);
    zombie.postMessage(zombieSeat);
    await published(500);
    const lease = takeLease(words, SNAPSHOT, 2, [zombieSeat]);
    expect(lease.bank).toBe(1);
    const kept = readRecord(words, SNAPSHOT);
    if (!kept.payload) throw new Error('the fence kept nothing');
    expect(kept.epoch).toBe(1);
    expect(isWhole(kept.generation, kept.payload)).toBe(true);
    reader.keep(kept.generation);
    const haunts = (): number => words.load(Header.HEARTBEAT + zombieSeat.bank);

    first.postMessage(lease);
    await published(kept.generation + 500);
    await end(first);
    const next = takeLease(words, SNAPSHOT, 3, [zombieSeat]);
    expect(next).toMatchObject({ bank: 1, control: words.load(SNAPSHOT.control) });
    const between = lastGeneration(words, SNAPSHOT);
    expect(readRecord(words, SNAPSHOT)).toMatchObject({ epoch: 2, generation: between });
    second.postMessage(next);
    const hauntsBefore = haunts();
    await published(between + 500);
    await new ConditionVariable(words, Header.CHANGE).wait(() => haunts() > hauntsBefore + 500 || undefined, {
      timeoutMs: WAIT_MS,
      onTimeout: () => new Error('the zombie does not haunt'),
    });
    await end(second);
    expect(readRecord(words, SNAPSHOT)).toMatchObject({ epoch: 3, generation: lastGeneration(words, SNAPSHOT) });
    await reader.stop();
    expect(reader.count(Seen.TORN)).toBe(0);
    expect(reader.count(Seen.BACK)).toBe(0);
    expect(reader.count(Seen.LAST_EPOCH)).toBe(3);
    await end(zombie);
  });

  test('is not seen after a stop either', async () => {
    const { shared, words, published } = newMemory();
    const zombie = await startThread('snapshot-writer.mjs', { memory: shared, act: 'haunt' });
    const lease = takeLease(words, SNAPSHOT, 1, []);
    zombie.postMessage(lease);
    await published(100);
    withdrawRecord(words, SNAPSHOT, { wipe: false });
    const control = words.load(SNAPSHOT.control);
    const last = lastGeneration(words, SNAPSHOT);
    for (let haunts = words.load(Header.HEARTBEAT); words.load(Header.HEARTBEAT) < haunts + 200;) {
      expect(readRecord(words, SNAPSHOT)).toEqual({ control });
      await new Promise((resolve) => void setImmediate(resolve));
    }
    expect(lastGeneration(words, SNAPSHOT)).toBe(last);
    await end(zombie);
  });
});

describe('a thread that ends after its n-th operation', () => {
  /** Beside each other, as a thread takes longer to start than all that it does. */
  const ABREAST = 6;

  const tryOne = async (act: string, operations: number) => {
    const { shared, words } = newMemory();
    const firstSeat = takeLease(words, SNAPSHOT, 1, []);
    new RecordWriter(words, SNAPSHOT, firstSeat).publish(headerOf(1), payloadOf(1));
    const thread = await startThread('snapshot-writer.mjs', { memory: shared, act, operations });
    const exit = exitOf(thread);
    thread.postMessage(takeLease(words, SNAPSHOT, 2, []));
    const died = (await exit) === 9;
    const found = readRecord(words, SNAPSHOT);
    expect(found.payload ? isWhole(found.generation, found.payload) : true).toBe(true);
    const last = lastGeneration(words, SNAPSHOT);
    const successor = new RecordWriter(words, SNAPSHOT, takeLease(words, SNAPSHOT, 3, []));
    expect(readRecord(words, SNAPSHOT)).toEqual(found);
    publishNext(words, successor);
    expect(readRecord(words, SNAPSHOT)).toMatchObject({ epoch: 3, generation: last + 1 });
    return { died, generation: found.payload && found.generation };
  };

  test.each([
    { act: 'publish', after: 2 },
    { act: 'withdraw', after: undefined },
  ])(
    '$act: for every n the old record or the new one is there, whole, and a successor goes on',
    async ({ act, after }) => {
      const found: (number | undefined)[] = [];
      for (let operations = 0, died = true; died; operations += ABREAST) {
        const outcomes = await Promise.all(Array.from({ length: ABREAST }, (_, n) => tryOne(act, operations + n)));
        for (const outcome of outcomes) if (outcome.died) found.push(outcome.generation);
        died = outcomes.every((outcome) => outcome.died);
      }
      expect(found.length).toBeGreaterThan(25);
      // The old one up to one operation, the new one from it on.
      const turn = found.findIndex((generation) => generation !== 1);
      expect(turn).toBeGreaterThan(0);
      expect(new Set(found.slice(turn))).toEqual(new Set([after]));
      console.log(`${act}: ended after each of ${found.length} operations; the record changes with number ${turn}`);
    },
  );
});

describe('threads that are older than the child', () => {
  const tokenOf = (generation: number): Uint8Array =>
    Buffer.from(JSON.stringify({ value: `token-${generation}`, tokenType: 'Bearer', scopes: [], fields: {} }));

  const handleOf = (memory: SharedArrayBuffer): TransferableHandle<'credential'> => ({
    tokenvisor: 1,
    kind: 'credential',
    name: 'late',
    memory,
  });

  const answersOf = (thread: Worker) => {
    const answers: unknown[] = [];
    thread.on('message', (answer) => answers.push(answer));
    return answers;
  };

  const lasting = (generation: number) => ({ ...headerOf(generation), expiresAtMs: Infinity });

  test('read it through attach(), and one publication releases all that wait, however they wait', async () => {
    const ways = ['get', 'waitSync', 'refresh'] as const;
    const waiters = await Promise.all(
      [...ways, ...ways].map(async (how) => ({ how, thread: await startThread('snapshot-waiter.mjs', {}) })),
    );
    const { shared, words } = newMemory();
    const writer = new RecordWriter(words, SNAPSHOT, takeLease(words, SNAPSHOT, 1, []));
    const waiting = waiters.map(async ({ how, thread }) => {
      const answers = answersOf(thread);
      const next = (): Promise<unknown> => once(thread, 'message');
      const begun = next();
      thread.postMessage({ handle: handleOf(shared), how });
      await begun;
      return { answers, answered: async () => void (answers.length < 2 && (await next())) };
    });
    const begun = await Promise.all(waiting);
    writer.publish(lasting(1), tokenOf(1));
    notify(words, Header.CHANGE);
    await Promise.all(begun.map(({ answered }) => answered()));
    const answers = begun.map((each) => each.answers.at(-1));
    expect(answers).toHaveLength(6);
    for (const [index, answer] of answers.entries()) {
      expect({ how: waiters[index]?.how, answer }).toMatchObject({ answer: { value: 'token-1', generation: 1 } });
    }
  });

  test('see each successor, and no token of one that was stopped', async () => {
    const thread = await startThread('snapshot-waiter.mjs', {});
    const { shared, words } = newMemory();
    const ask = async (): Promise<unknown> => {
      const answers = answersOf(thread);
      thread.postMessage({ handle: handleOf(shared), how: 'current' });
      while (answers.length < 2) await once(thread, 'message');
      return answers[1];
    };
    expect(await ask()).toMatchObject({ code: 'TOKEN_NOT_READY' });
    for (let epoch = 1; epoch <= 3; epoch += 1) {
      const taken: FencingLease[] = epoch === 2 ? [{ epoch: 1, bank: 0, control: 0 }] : [];
      new RecordWriter(words, SNAPSHOT, takeLease(words, SNAPSHOT, epoch, taken)).publish(
        lasting(epoch),
        tokenOf(epoch),
      );
      expect(await ask()).toEqual({ value: `token-${epoch}`, generation: epoch });
    }
    withdrawRecord(words, SNAPSHOT, { wipe: true });
    expect(await ask()).toMatchObject({ code: 'TOKEN_NOT_READY' });
    expect(Buffer.from(shared).includes('token-')).toBe(false);
  });
});
