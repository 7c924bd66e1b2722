/** A table against a Map: any operations in any order, the writer ended anywhere in them; and both forms of the loops. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bytesFor, ROW_WORDS, segmentBase, TABLE_GEOMETRY, type TableGeometry } from '../../src/table/layout.js';
import { RowWriter } from '../../src/table/row-writer.js';
import { layOut } from '../../src/table/ground.js';
import { allocateTable, openTable } from '../../src/table/table-memory.js';
import { survives } from '../support/dying-words.js';
import { dyingAtStore, groundOn, lookUp, rowsOf, sizeOf, wordsOf, type Entry } from '../support/table-ground.js';

/** Larger than what is explored: four segments of four buckets and up. */
const SMALL: TableGeometry = { buckets: 4, maxDepth: 5, segments: 128, limit: 9, hardLimit: 11 };
const SEGMENTS = 40;
const KEYS = 160;
const MAX_ENTRIES = 120;

type Operation =
  | { readonly kind: 'put'; readonly entries: readonly (readonly [number, Entry])[]; readonly keepMeta: boolean }
  | { readonly kind: 'remove'; readonly keys: readonly number[] }
  | { readonly kind: 'expunge'; readonly nowS: number }
  | { readonly kind: 'clear' };

interface Turn {
  readonly operation: Operation;
  /** The writer is ended after so many stores of it, if it has so many. */
  readonly death: number | undefined;
}

const key = fc.nat(KEYS - 1);
const second = fc.oneof(fc.integer({ min: 1, max: 50 }), fc.constant(0xffff_ffff), fc.constant(0x8000_0000));
const entry = fc.record({ expiryS: second, meta: fc.oneof(fc.nat(3), fc.constant(0xffff_fffe)) });
const operation: fc.Arbitrary<Operation> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('put' as const),
      entries: fc.array(fc.tuple(key, entry), { maxLength: 30 }),
      keepMeta: fc.boolean(),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('remove' as const), keys: fc.array(key, { maxLength: 20 }) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('expunge' as const), nowS: fc.nat(50) }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'clear' as const }) },
);
const turns = fc.array(fc.record({ operation, death: fc.option(fc.nat(90), { nil: undefined, freq: 2 }) }), {
  maxLength: 40,
});

const apply = (writer: RowWriter, todo: Operation): void => {
  switch (todo.kind) {
    case 'put':
      writer.put(rowsOf(...todo.entries), todo.keepMeta);
      return;
    case 'remove':
      writer.remove(rowsOf(...todo.keys.map((each) => [each] as const)));
      return;
    case 'expunge':
      for (const removed of writer.expunge(todo.nowS)) void removed;
      return;
    case 'clear':
      writer.clear();
  }
};

/** What each key may be while it is done: the last one is what it is in the end. */
const courses = (model: ReadonlyMap<number, Entry>, todo: Operation): Map<number, (Entry | undefined)[]> => {
  const states = new Map<number, (Entry | undefined)[]>();
  const courseOf = (each: number): (Entry | undefined)[] => {
    const course = states.get(each) ?? [model.get(each)];
    states.set(each, course);
    return course;
  };
  let size = model.size;
  if (todo.kind === 'put') {
    for (const [each, { expiryS, meta }] of todo.entries) {
      const course = courseOf(each);
      const before = course.at(-1);
      if (!before && size >= MAX_ENTRIES) break;
      if (!before) size += 1;
      const later = Math.max(before?.expiryS ?? 0, expiryS);
      course.push({ expiryS: later, meta: before && todo.keepMeta ? before.meta : meta });
    }
  } else if (todo.kind === 'remove') {
    for (const each of todo.keys) courseOf(each).push(undefined);
  } else {
    for (const [each, { expiryS }] of model) {
      if (todo.kind === 'clear' || expiryS <= todo.nowS) courseOf(each).push(undefined);
    }
  }
  return states;
};

const same = (a: Entry | undefined, b: Entry | undefined): boolean => a?.expiryS === b?.expiryS && a?.meta === b?.meta;

const isFull = (error: unknown): boolean => (error as { code?: unknown }).code === 'TABLE_FULL';

/** Runs it; true if the table was full. */
const fills = (run: () => void): boolean => {
  try {
    run();
  } catch (error) {
    if (!isFull(error)) throw error;
    return true;
  }
  return false;
};

describe('a table', () => {
  it('is what a Map would be, wherever its writers are ended', () => {
    const property = fc.property(turns, (all: readonly Turn[]) => {
      const memory = new Int32Array(segmentBase(SMALL, SEGMENTS));
      layOut(groundOn(wordsOf(memory), SMALL), MAX_ENTRIES, SEGMENTS, new Int32Array(12));
      const ground = groundOn(wordsOf(memory), SMALL);
      const model = new Map<number, Entry>();
      let writer = new RowWriter(ground);
      for (const { operation: todo, death } of all) {
        const states = courses(model, todo);
        let survived = true;
        if (death === undefined) fills(() => apply(writer, todo));
        else {
          survived = survives(() =>
            fills(() => apply(new RowWriter(groundOn(dyingAtStore(memory, death), SMALL)), todo)),
          );
        }
        // Only ever forward: what a reader has seen of it is not undone.
        const reached = new Map<number, number>();
        const check = (when: string): void => {
          for (let each = 0; each < KEYS; each++) {
            const found = lookUp(ground, each);
            const course = states.get(each) ?? [model.get(each)];
            const first = survived ? course.length - 1 : (reached.get(each) ?? 0);
            const at = course.findIndex((state, index) => index >= first && same(state, found));
            if (at < 0) expect(found, `key ${each}, ${when}`).toEqual(course.slice(first));
            reached.set(each, at);
          }
        };
        check('right after it');
        if (death !== undefined) {
          // What was begun may be finished now.
          writer = new RowWriter(ground);
          check('adopted');
        }
        for (let each = 0; each < KEYS; each++) {
          const found = lookUp(ground, each);
          if (found) model.set(each, found);
          else model.delete(each);
        }
        expect([writer.size, sizeOf(ground)]).toEqual([model.size, model.size]);
      }
    });
    fc.assert(property, { numRuns: 800 });
  });

  it('is the same words, whichever form its loops are in', () => {
    const rowsLike = fc.array(fc.tuple(fc.nat(40_000), entry), { minLength: 1, maxLength: 400 });
    const property = fc.property(fc.array(rowsLike, { minLength: 1, maxLength: 4 }), fc.nat(50), (batches, nowS) => {
      const table = allocateTable({ maxEntries: 100_000 });
      const compiled = openTable(table);
      const memory = new Int32Array(bytesFor(TABLE_GEOMETRY, 24) / 4);
      memory.set(new Int32Array(table.buffer));
      const interpreted = groundOn(wordsOf(memory), TABLE_GEOMETRY);
      for (const ground of [compiled, interpreted]) {
        const writer = new RowWriter(ground);
        // So many that segments are split.
        const many = new Int32Array(6_000 * ROW_WORDS);
        for (let index = 0; index < 6_000; index++)
          many.set(rowsOf([100_000 + index, { expiryS: 9, meta: index }]), index * ROW_WORDS);
        writer.put(many, false);
        for (const batch of batches) {
          writer.put(rowsOf(...batch), false);
          writer.remove(rowsOf(...batch.slice(0, batch.length / 3).map(([each]) => [each] as const)));
        }
        for (const removed of writer.expunge(nowS)) void removed;
        writer.put(rowsOf(...batches[0]!), true);
      }
      const words = new Int32Array(table.buffer);
      const differs = words.findIndex((word, index) => index < memory.length && word !== memory[index]);
      expect(differs).toBe(-1);
      for (const [each] of batches.flat()) expect(lookUp(compiled, each)).toEqual(lookUp(interpreted, each));
    });
    fc.assert(property, { numRuns: 15 });
  });
});
