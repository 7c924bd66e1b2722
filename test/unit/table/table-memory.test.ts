import { inspect } from 'node:util';
import { runInNewContext } from 'node:vm';
import { MessageChannel, receiveMessageOnPort } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { DIRECTORY, entryOf, KEY_WORDS, TableWord } from '../../../src/table/layout.js';
import { allocateTable, openTable, type TableMemory } from '../../../src/table/table-memory.js';
import { TableReader } from '../../../src/table/table-reader.js';
import { TableWriter } from '../../../src/table/table-writer.js';
import { WasmApi } from '../../../src/table/web-assembly.js';

const posted = (value: unknown): unknown => {
  const { port1, port2 } = new MessageChannel();
  port1.postMessage(value);
  const { message } = receiveMessageOnPort(port2) as { message: unknown };
  port1.close();
  return message;
};

const wordsIn = (memory: TableMemory): Int32Array => new Int32Array(memory.buffer);

const put = (writer: TableWriter, key: string, expiryS = 9, meta = 3): number => {
  const rows = new Int32Array(5);
  writer.writeRow(rows, 0, key, expiryS, meta);
  return writer.put(rows);
};

describe('the memory of a table', () => {
  it('takes 1 to 40,000,000 entries, 10,000,000 by default', () => {
    expect(new TableReader(allocateTable()).maxEntries).toBe(10_000_000);
    for (const maxEntries of [1, 40_000_000]) {
      expect(new TableReader(allocateTable({ maxEntries })).maxEntries).toBe(maxEntries);
    }
    for (const maxEntries of [0, -1, 1.5, NaN, 40_000_001, '5' as never]) {
      expect(() => allocateTable({ maxEntries })).toThrow(
        /Expected `maxEntries` to be a whole number from 1 to 40000000/,
      );
    }
  });

  it('is small at first, whatever it may become', () => {
    expect(allocateTable({ maxEntries: 40_000_000 }).buffer.byteLength).toBeLessThan(500_000);
  });

  it('has a key of its own', () => {
    const keyIn = (memory: TableMemory): string =>
      wordsIn(memory)
        .slice(TableWord.KEY, TableWord.KEY + KEY_WORDS)
        .join();
    const keys = Array.from({ length: 20 }, () => keyIn(allocateTable()));
    expect(new Set(keys).size).toBe(20);
  });

  it('is the same memory after it was posted, and grows for all who have it', () => {
    const memory = allocateTable();
    const writer = new TableWriter(memory);
    const copy = posted({ table: memory }) as { table: TableMemory };
    expect(copy.table).not.toBe(memory);
    const reader = new TableReader(copy.table);
    const before = memory.buffer.byteLength;
    const keys = Array.from({ length: 20_000 }, (_, index) => `key ${index}`);
    for (const key of keys) put(writer, key);
    expect(memory.buffer.byteLength).toBeGreaterThan(before);
    expect(keys.filter((key) => !reader.has(key))).toEqual([]);
    expect(reader.size).toBe(20_000);
  });

  it('prints as its name, and shows nothing of its key', () => {
    const memory = allocateTable();
    const copy = posted(memory) as TableMemory;
    new TableReader(copy);
    for (const each of [memory, copy]) {
      expect(inspect({ each }, { showHidden: true, getters: true, depth: 9 })).toBe('{ each: TableMemory }');
      expect(JSON.stringify(each)).toBe('{}');
    }
    const writer = new TableWriter(memory);
    expect(inspect(writer, { depth: 9 })).toBe('TableWriter { expiryS: 0, meta: 0 }');
    const key = [...new Uint8Array(memory.buffer, TableWord.KEY * 4, 8)].map((byte) =>
      byte.toString(16).padStart(2, '0'),
    );
    expect(inspect(memory.buffer)).not.toContain(key.join(' '));
  });

  it('is known by its brand, also that of another realm', () => {
    const Foreign = runInNewContext('WebAssembly.Memory') as typeof WasmApi.Memory;
    const foreign = new Foreign({ initial: 5, maximum: 5, shared: true });
    expect(foreign).not.toBeInstanceOf(WasmApi.Memory);
    expect(() => openTable(foreign)).toThrow('Expected the memory of a table, got memory that tokenvisor did not make');
    wordsIn(foreign).set(wordsIn(allocateTable()).subarray(0, wordsIn(foreign).length));
    expect(new TableReader(foreign).has('x')).toBe(false);
  });

  it.each([
    ['nothing', undefined, 'got nothing'],
    ['a buffer', new SharedArrayBuffer(1_000_000), 'got an instance of SharedArrayBuffer'],
    ['what looks like one', { buffer: new SharedArrayBuffer(1_000_000), grow: () => 0 }, 'got an object'],
    ['memory that is too small', new WasmApi.Memory({ initial: 1, maximum: 1, shared: true }), '65536 bytes'],
    ['other memory', new WasmApi.Memory({ initial: 9, maximum: 9, shared: true }), 'that tokenvisor did not make'],
  ])('is not %s', (_, memory, message) => {
    const open = (): unknown => new TableReader(memory as TableMemory);
    expect(open).toThrow(message);
    expect(open).toThrow(expect.objectContaining({ code: 'LAYOUT_MISMATCH' }) as Error);
  });

  it('is of one layout', () => {
    const memory = allocateTable();
    Atomics.store(wordsIn(memory), TableWord.LAYOUT_VERSION, 77);
    expect(() => new TableWriter(memory)).toThrow(
      'Expected a table of layout 1, got 77. Use one version of tokenvisor',
    );
  });

  it('is told from memory that was overwritten when an entry leads out of it', () => {
    const memory = allocateTable();
    const reader = new TableReader(memory);
    Atomics.store(wordsIn(memory), DIRECTORY + 1, entryOf(5_000, 1));
    expect(() => reader.has('a')).toThrow('Expected the memory of a table, got memory that was overwritten');
    Atomics.store(wordsIn(memory), DIRECTORY + 1, entryOf(0, 1));
    expect(reader.has('a')).toBe(false);
  });
});
