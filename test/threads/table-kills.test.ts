/**
 * The table's writers in real threads, ended at any moment, thousands of them, and a reader in a thread of its own that
 * looks up all that was acknowledged. `TABLE_KILLS=100000` makes them more. What no machine's schedule would find is in
 * test/unit/table/recovery.test.ts and test/property/table-interleavings.test.ts.
 */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { afterEach, describe, expect, test } from 'vitest';
import { allocateTable, type TableMemory } from '../../src/table/table-memory.js';
import { TableReader } from '../../src/table/table-reader.js';
import { TableWriter } from '../../src/table/table-writer.js';
import { Act, look, run, Word } from './fixtures/table-course.mjs';
import { turn } from '../support/turn.js';

const KILLS = Number(process.env['TABLE_KILLS'] ?? 2_000);
const THREAD_KILLS = Math.ceil(KILLS / 50);
const LIMIT_MS = 60_000 + KILLS * 60;

const threads = new Set<Worker>();

afterEach(async () => void (await Promise.all([...threads].map((thread) => thread.terminate()))));

const startThread = async (file: string, workerData: object): Promise<Worker> => {
  const thread = new Worker(new URL(`./fixtures/${file}`, import.meta.url), { workerData, env: {}, execArgv: [] });
  threads.add(thread);
  thread.once('exit', () => threads.delete(thread));
  await once(thread, 'message');
  return thread;
};

interface Course {
  readonly table: TableMemory;
  readonly control: SharedArrayBuffer;
  readonly words: Int32Array;
  /** Ends the reader; what is wrong, and how much was looked up. */
  readonly finish: () => Promise<{ readonly wrong: object; readonly hits: number }>;
}

const NOTHING_WRONG = { falseMisses: 0, torn: 0, back: 0, outdated: 0 };

/** An empty table, and a reader that was there before the first entry. */
const begin = async (end: number): Promise<Course> => {
  const table = allocateTable({ maxEntries: 10_000_000 });
  const control = new SharedArrayBuffer(Word.WORDS * 4);
  const words = new Int32Array(control);
  words[Word.END] = end;
  const reader = await startThread('table-reader.mjs', { table, control });
  const load = (word: number): number => Atomics.load(words, word);
  const finish = async () => {
    const exit = once(reader, 'exit');
    Atomics.store(words, Word.STOP, 1);
    expect(await exit).toEqual([0]);
    return {
      wrong: {
        falseMisses: load(Word.FALSE_MISSES),
        torn: load(Word.TORN),
        back: load(Word.BACK),
        outdated: load(Word.OUTDATED),
      },
      hits: load(Word.HITS),
    };
  };
  return { table, control, words, finish };
};

/** Looks every key up, in this thread, when nobody writes. */
const checkAll = ({ table, words }: Course): void => {
  const reader = new TableReader(table);
  const row = new Int32Array(5);
  for (let key = 0; key < Atomics.load(words, Word.PUT) + 256; key++) look(words, reader, row, key);
};

describe('a writer that is ended at any moment', { timeout: LIMIT_MS }, () => {
  test('by the watchdog, thousands of times: a reader misses nothing, and the next one goes on', async () => {
    const deaths = new Array<number>(Act.ACTS).fill(0);
    const sum = (): number => deaths.reduce((all, some) => all + some, 0);
    while (sum() < KILLS) {
      const course = await begin(1_000_000);
      const { table, control, words } = course;
      const writer = await startThread('table-writer.mjs', { table, control, lives: Math.min(500, KILLS) });
      const exit = once(writer, 'exit');
      writer.postMessage('go');
      expect(await exit).toEqual([0]);
      checkAll(course);
      const { wrong, hits } = await course.finish();
      expect(wrong).toEqual(NOTHING_WRONG);
      expect(hits).toBeGreaterThan(1_000);
      for (let act = 0; act < Act.ACTS; act++) deaths[act]! += Atomics.load(words, Word.DEATHS + act);
    }
    // In each of the things that it does.
    expect(Math.min(...deaths)).toBeGreaterThan(0);
  });

  test('with its thread: the same', async () => {
    const course = await begin(1_000_000);
    const { table, control, words } = course;
    for (let kill = 0; kill < THREAD_KILLS; kill++) {
      const writer = await startThread('table-writer.mjs', { table, control, lives: 1 });
      const exit = once(writer, 'exit');
      const put = Atomics.load(words, Word.PUT);
      writer.postMessage('go');
      // Until it has put something: no two are ended at the same turn.
      while (Atomics.load(words, Word.PUT) <= put + 256 * (kill % 7)) await turn();
      void writer.terminate();
      expect(await exit).toEqual([1]);
    }
    new TableWriter(table);
    checkAll(course);
    expect(await course.finish()).toMatchObject({ wrong: NOTHING_WRONG });
  });

  test('is not ended, and a reader that was there before the first entry finds all that came', async () => {
    const course = await begin(782 * 256);
    const before = course.table.buffer.byteLength;
    run(course.words, () => new TableWriter(course.table));
    checkAll(course);
    const { wrong, hits } = await course.finish();
    expect(wrong).toEqual(NOTHING_WRONG);
    expect(hits).toBeGreaterThan(1_000);
    expect(course.table.buffer.byteLength).toBeGreaterThan(10 * before);
    expect(new TableReader(course.table).size).toBe(391 * 256);
  });
});
