/** A table against a Map, as a reader in another thread sees it after each operation. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { allocateTable } from '../../src/table/table-memory.js';
import { TableReader } from '../../src/table/table-reader.js';
import { TableWriter } from '../../src/table/table-writer.js';

const KEYS = 400;
const ROW_WORDS = 5;

const shared = (words: number): SharedArrayBuffer => new SharedArrayBuffer(words * 4);

const key = fc.nat(KEYS - 1);
const second = fc.oneof(fc.integer({ min: 1, max: 50 }), fc.constant(0xffff_ffff));
const entries = fc.array(fc.tuple(key, second, fc.nat(3)), { maxLength: 200 });
const operations = fc.array(
  fc.oneof(
    { weight: 5, arbitrary: fc.record({ kind: fc.constant('put' as const), entries, keepMeta: fc.boolean() }) },
    {
      weight: 3,
      arbitrary: fc.record({ kind: fc.constant('remove' as const), keys: fc.array(key, { maxLength: 100 }) }),
    },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('expunge' as const), nowS: fc.nat(50) }) },
    { weight: 1, arbitrary: fc.constant({ kind: 'clear' as const }) },
    // Entries of no key that is looked at: segments are split.
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('fill' as const), first: fc.nat(1_000) }) },
    { weight: 2, arbitrary: fc.constant({ kind: 'adopt' as const }) },
  ),
  { minLength: 20, maxLength: 60 },
);

test('what the writer has done, a reader in another thread sees', async () => {
  const property = fc.asyncProperty(operations, async (all) => {
    const table = allocateTable({ maxEntries: 1_000_000 });
    const maker = new TableReader(table);
    const rows = new Int32Array(shared(KEYS * ROW_WORDS));
    const found = new Uint32Array(shared(KEYS * 2));
    const turn = new Int32Array(shared(2));
    for (let each = 0; each < KEYS; each++) maker.writeRow(rows, each, `key ${each}`, 0);
    const file = new URL('./fixtures/table-answerer.mjs', import.meta.url);
    const thread = new Worker(file, { workerData: { table, rows, found, turn }, env: {}, execArgv: [] });
    await once(thread, 'message');
    const model = new Map<number, { expiryS: number; meta: number }>();
    let others = 0;
    let writer = new TableWriter(table);
    const rowsOf = (keys: readonly (readonly [key: number, expiryS: number, meta: number])[]): Int32Array => {
      const made = new Int32Array(keys.length * ROW_WORDS);
      keys.forEach(([each, expiryS, meta], index) => maker.writeRow(made, index, `key ${each}`, expiryS, meta));
      return made;
    };
    try {
      for (const operation of all) {
        if (operation.kind === 'put') {
          writer.put(rowsOf(operation.entries), { keepMeta: operation.keepMeta });
          for (const [each, expiryS, meta] of operation.entries) {
            const before = model.get(each);
            const kept = operation.keepMeta ? (before?.meta ?? meta) : meta;
            model.set(each, { expiryS: Math.max(before?.expiryS ?? 0, expiryS), meta: kept });
          }
        } else if (operation.kind === 'remove') {
          writer.remove(rowsOf(operation.keys.map((each) => [each, 0, 0])));
          for (const each of operation.keys) model.delete(each);
        } else if (operation.kind === 'expunge') {
          for (const removed of writer.expunge(operation.nowS * 1_000)) void removed;
          for (const [each, { expiryS }] of [...model]) if (expiryS <= operation.nowS) model.delete(each);
        } else if (operation.kind === 'clear') {
          writer.clear();
          model.clear();
          others = 0;
        } else if (operation.kind === 'fill') {
          const first = (1 + operation.first) * 10_000;
          others += writer.put(rowsOf(Array.from({ length: 3_000 }, (_, index) => [first + index, 0xffff_ffff, 1])));
        } else {
          writer = new TableWriter(table);
        }
        const asked = Atomics.add(turn, 0, 1) + 1;
        Atomics.notify(turn, 0);
        Atomics.wait(turn, 1, asked - 1, 20_000);
        expect(Atomics.load(turn, 1)).toBe(asked);
        for (let each = 0; each < KEYS; each++) {
          const { expiryS = 0, meta = 0 } = model.get(each) ?? {};
          if (found[each * 2] === expiryS && found[each * 2 + 1] === meta) continue;
          expect([each, found[each * 2], found[each * 2 + 1]]).toEqual([each, expiryS, meta]);
        }
        expect(writer.size).toBe(model.size + others);
      }
    } finally {
      await thread.terminate();
    }
  });
  await fc.assert(property, { numRuns: 12, endOnFailure: true });
});
