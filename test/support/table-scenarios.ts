/** Each operation of the writer in each of the ways that it goes, on a tiny table that is right before it. */
import type { LoopWords } from '../../src/table/loops/words.js';
import { RowWriter } from '../../src/table/row-writer.js';
import { digestOf, groundOn, rowsOf, TINY, tinyTable, wordsOf, type Entry } from './table-ground.js';

export type Model = ReadonlyMap<number, Entry>;

export interface Scenario {
  readonly name: string;
  /** The table, and what is in it. */
  readonly memory: Int32Array;
  readonly before: Model;
  readonly operation: (writer: RowWriter) => void;
  readonly after: Model;
  /** Keys that were removed, or never there. */
  readonly absent: readonly number[];
  /** What changes may be absent on the way. */
  readonly mayVanish: boolean;
}

export const NOW_S = 5_000;
const LATER_S = 9_000;
export const NEVER = 0xffff_ffff;

/** The n-th key, from 0, whose digest lies so: its first bits, and its bucket. */
export const keyAt = (prefix: string, bucket: number, nth = 0): number => {
  let left = nth;
  for (let key = 0; ; key++) {
    const [d0, d1] = digestOf(key);
    const bits = (d0 >>> 0).toString(2).padStart(32, '0');
    if (!bits.startsWith(prefix) || (d1 & (TINY.buckets - 1)) !== bucket) continue;
    if (left === 0) return key;
    left -= 1;
  }
};

const live = (meta: number, expiryS = LATER_S): Entry => ({ expiryS, meta });

/** A table that came to be by these steps. */
const build = (...steps: ((writer: RowWriter) => void)[]): Int32Array => {
  const memory = tinyTable();
  const writer = new RowWriter(groundOn(wordsOf(memory)));
  for (const step of steps) step(writer);
  return memory;
};

const put =
  (entries: Model | readonly (readonly [number, Entry])[], keepMeta = false) =>
  (writer: RowWriter): void =>
    void writer.put(rowsOf(...entries), keepMeta);

const remove =
  (...keys: number[]) =>
  (writer: RowWriter): void =>
    void writer.remove(rowsOf(...keys.map((key) => [key] as const)));

const expunge = (writer: RowWriter): void => {
  for (const removed of writer.expunge(NOW_S)) void removed;
};

const keys = (prefix: string, bucket: number, count: number, first = 0): number[] =>
  Array.from({ length: count }, (_, nth) => keyAt(prefix, bucket, first + nth));

const models = (entries: readonly number[], expiryS = LATER_S): [number, Entry][] =>
  entries.map((key, index) => [key, live(index + 1, expiryS)]);

/** `before` and what changes in it. */
const changed = (before: Model, ...changes: readonly (readonly [number, Entry | undefined])[]): Model => {
  const after = new Map(before);
  for (const [key, entry] of changes) {
    if (entry) after.set(key, entry);
    else after.delete(key);
  }
  return after;
};

interface Circumstances {
  readonly removed?: readonly number[];
  readonly prepare?: (writer: RowWriter) => void;
  readonly mayVanish?: boolean;
}

const scenario = (
  name: string,
  given: readonly (readonly [number, Entry])[],
  operation: (writer: RowWriter) => void,
  changes: readonly (readonly [number, Entry | undefined])[],
  { removed = [], prepare = () => {}, mayVanish = false }: Circumstances = {},
): Scenario => {
  const before = new Map(given.filter(([key]) => !removed.includes(key)));
  const absent = [...removed, keyAt('0', 0, 20), keyAt('1', 1, 20)].filter(
    (key) => !changes.some(([other, entry]) => other === key && entry),
  );
  return {
    name,
    memory: build(put(given), remove(...removed), prepare),
    before,
    operation,
    after: changed(before, ...changes),
    absent,
    mayVanish,
  };
};

/** Four keys of the first half and one of the second: the segment is at its limit. */
const full = models([...keys('0', 0, 2), ...keys('0', 1, 2), ...keys('1', 0, 1)]);
/** Two deep: the directory of one bit is full on its first side. */
const deep = models([...keys('00', 0, 2), ...keys('01', 1, 3), ...keys('1', 0, 1), ...keys('00', 1, 1)]);
const one = keyAt('0', 0);
const others = models(keys('1', 1, 2));
const newcomer = keyAt('0', 0, 5);
/** The first of its bucket when it is put first. */
const first = models(keys('0', 0, 1, 12), NOW_S - 1);
const expired = models(keys('0', 1, 3, 10), NOW_S - 1);

export const scenarios = (): Scenario[] => [
  scenario('an insert', others, put([[one, live(7)]]), [[one, live(7)]]),
  scenario('an insert into the next bucket', models(keys('0', 0, 3)), put([[keyAt('1', 0), live(7)]]), [
    [keyAt('1', 0), live(7)],
  ]),
  scenario(
    'an insert of what was removed',
    models(keys('0', 0, 2)),
    put([[one, live(7, NEVER)]]),
    [[one, live(7, NEVER)]],
    {
      removed: [one],
    },
  ),
  scenario(
    'several inserts',
    others,
    put([
      [one, live(7)],
      [newcomer, live(8)],
    ]),
    [
      [one, live(7)],
      [newcomer, live(8)],
    ],
  ),
  scenario('a later expiry', models([one, ...keys('1', 0, 2)]), put([[one, live(1, NEVER)]]), [[one, live(1, NEVER)]]),
  scenario('an earlier expiry', models([one]), put([[one, live(1, NOW_S)]]), []),
  scenario('another meta', models([one, ...keys('1', 0, 1)]), put([[one, live(9, NOW_S)]]), [[one, live(9, LATER_S)]]),
  scenario('another meta in the next bucket', models(keys('0', 0, 3)), put([[one, live(9, NEVER)]]), [
    [one, live(9, NEVER)],
  ]),
  scenario('another meta that is not taken', models([one]), put([[one, live(9, NEVER)]], true), [
    [one, live(1, NEVER)],
  ]),
  scenario('another meta, with a split', full, put([[full[0]![0], live(9)]]), [[full[0]![0], live(9)]]),
  scenario('a removal', models(keys('0', 0, 4)), remove(one), [[one, undefined]]),
  scenario('several removals', full, remove(...full.slice(1, 4).map(([key]) => key)), [
    ...full.slice(1, 4).map(([key]) => [key, undefined] as const),
  ]),
  scenario('a split', full, put([[newcomer, live(7)]]), [[newcomer, live(7)]]),
  scenario('a split of one side', deep, put([[newcomer, live(7)]]), [[newcomer, live(7)]]),
  scenario('a renewal', full, put([[newcomer, live(7)]]), [[newcomer, live(7)]], {
    removed: full.slice(0, 2).map(([key]) => key),
  }),
  scenario(
    'an expunge',
    [...models(keys('0', 0, 2)), ...expired],
    expunge,
    expired.map(([key]) => [key, undefined]),
  ),
  scenario(
    'two renewals of a segment, into the one that was given up',
    models(keys('0', 0, 2)),
    (writer) => {
      expunge(writer);
      put(expired)(writer);
      expunge(writer);
    },
    [],
    { prepare: put(expired) },
  ),
  scenario(
    'two renewals of a segment, whose entries are elsewhere in it afterwards',
    [...first, ...models(keys('0', 0, 2))],
    (writer) => {
      expunge(writer);
      put(expired)(writer);
      expunge(writer);
    },
    first.map(([key]) => [key, undefined]),
  ),
  scenario(
    'a split, and a renewal into the segment that was given up',
    full,
    (writer) => {
      put([[newcomer, live(7)]])(writer);
      put(expired)(writer);
      expunge(writer);
    },
    [[newcomer, live(7)]],
  ),
  scenario('an expunge of several segments', [...deep, ...expired.slice(0, 2)], expunge, [
    ...expired.slice(0, 2).map(([key]) => [key, undefined] as const),
  ]),
  scenario(
    'a clear',
    deep,
    (writer) => void writer.clear(),
    deep.map(([key]) => [key, undefined]),
  ),
  scenario(
    'a clear and what comes after it',
    full,
    (writer) => {
      writer.clear();
      put([[one, live(9)]])(writer);
    },
    [...full.map(([key]) => [key, undefined] as const), [one, live(9)] as const],
    { mayVanish: true },
  ),
];

export const writerOn = (words: LoopWords): RowWriter => new RowWriter(groundOn(words));

/** What a reader may see of a key while the operation is under way. */
export const allowedStates = ({ before, after, mayVanish }: Scenario, key: number): (Entry | undefined)[] => {
  const states = [before.get(key), after.get(key)];
  return mayVanish ? [...states, undefined] : states;
};

/** All keys of which a scenario says something. */
export const keysOf = ({ before, after, absent }: Scenario): number[] => [
  ...new Set([...before.keys(), ...after.keys(), ...absent]),
];
