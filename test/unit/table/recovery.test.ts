import { describe, expect, it } from 'vitest';
import { DIRECTORY, TableWord } from '../../../src/table/layout.js';
import type { RowWriter } from '../../../src/table/row-writer.js';
import { survives } from '../../support/dying-words.js';
import {
  countStores,
  digestOf,
  dyingAtStore,
  groundOn,
  lookUp,
  rowsOf,
  sizeOf,
  wordsOf,
  type Entry,
} from '../../support/table-ground.js';
import {
  allowedStates,
  keyAt,
  keysOf,
  NEVER,
  NOW_S,
  scenarios,
  writerOn,
  type Scenario,
} from '../../support/table-scenarios.js';

const same = (a: Entry | undefined, b: Entry | undefined): boolean => a?.expiryS === b?.expiryS && a?.meta === b?.meta;

/** Everything that was acknowledged is there, what the operation changes is as before it or after it. */
const checkReader = (scenario: Scenario, memory: Int32Array, when: string): void => {
  const ground = groundOn(wordsOf(memory));
  for (const key of keysOf(scenario)) {
    const found = lookUp(ground, key);
    if (allowedStates(scenario, key).some((state) => same(state, found))) continue;
    expect.fail(`${when}: key ${key} is ${JSON.stringify(found)}`);
  }
};

/** Whatever the operation had come to: from here on everything is as it should be. */
const checkGoesOn = (scenario: Scenario, memory: Int32Array, writer: RowWriter, when: string): void => {
  const ground = groundOn(wordsOf(memory));
  const expected = new Map<number, Entry>();
  const every = [...new Set([...keysOf(scenario), ...Array.from({ length: 300 }, (_, key) => key)])];
  for (const key of every) {
    const found = lookUp(ground, key);
    if (found) expected.set(key, found);
  }
  const check = (step: string): void => {
    for (const key of every) {
      const found = lookUp(ground, key);
      if (!same(found, expected.get(key)))
        expect(found, `${when}, then ${step}: key ${key}`).toEqual(expected.get(key));
    }
    expect(sizeOf(ground), `${when}, then ${step}: size`).toBe(expected.size);
    expect(writer.size).toBe(expected.size);
  };
  check('adopted');
  // A reader that was in a shallower directory all the while has to find out.
  const shallower = memory.subarray(DIRECTORY + 1, DIRECTORY + (1 << memory[TableWord.DEPTH]!));
  expect(shallower.every((entry) => entry === 0)).toBe(true);
  const touched = keysOf(scenario);
  for (const key of touched) {
    const meta = 100 + key;
    const before = expected.get(key);
    const isNew = writer.put(rowsOf([key, { expiryS: NOW_S + 10, meta }]), false);
    expect(isNew, when).toBe(before ? 0 : 1);
    expected.set(key, { expiryS: Math.max(before?.expiryS ?? 0, NOW_S + 10), meta });
  }
  check('all put again');
  const [gone = 0, ...rest] = touched;
  expect(writer.remove(rowsOf([gone]))).toBe(1);
  expected.delete(gone);
  check('one removed');
  for (const key of rest) {
    writer.put(rowsOf([key, { expiryS: NEVER, meta: 0 }]), true);
    expected.set(key, { expiryS: NEVER, meta: 100 + key });
  }
  check('all but one raised');
  for (const removed of writer.expunge(NOW_S + 10)) void removed;
  for (const [key, { expiryS }] of [...expected]) if (expiryS <= NOW_S + 10) expected.delete(key);
  check('expunged');
  const more = [keyAt('0', 0, 30), keyAt('0', 1, 30), keyAt('1', 0, 30), keyAt('1', 1, 30)];
  for (const key of more) expected.set(key, { expiryS: NOW_S, meta: 3 });
  expect(writer.put(rowsOf(...more.map((key) => [key, { expiryS: NOW_S, meta: 3 }] as const)), false)).toBe(4);
  check('more put');
  expect(writer.clear()).toBe(expected.size);
  expected.clear();
  check('cleared');
};

const scenariosByName = scenarios().map((scenario) => [scenario.name, scenario] as const);

describe.each(scenariosByName)('a writer that is ended after any store of %s', (_, scenario) => {
  const { memory, operation } = scenario;
  const adoptAndOperate = (words: ReturnType<typeof wordsOf>): void => operation(writerOn(words));

  it('leaves all that was acknowledged, and a successor goes on', () => {
    const stores = countStores(memory, adoptAndOperate);
    for (let store = 0; store <= stores; store++) {
      const left = memory.slice();
      const survived = survives(() => adoptAndOperate(dyingAtStore(left, store)));
      expect(survived).toBe(store === stores);
      const when = `ended after store ${store} of ${stores}`;
      checkReader(scenario, left, when);
      const recovering = countStores(left, writerOn);
      for (let death = 0; death < recovering; death++) {
        const again = left.slice();
        expect(survives(() => writerOn(dyingAtStore(again, death)))).toBe(false);
        checkReader(scenario, again, `${when}, and after store ${death} of the recovery`);
        const writer = writerOn(wordsOf(again));
        checkReader(scenario, again, `${when}, and in the recovery, and recovered`);
        checkGoesOn(scenario, again, writer, `${when}, and in the recovery`);
      }
      const writer = writerOn(wordsOf(left));
      checkReader(scenario, left, `${when}, and recovered`);
      checkGoesOn(scenario, left, writer, when);
    }
  });

  it('has done what it says when it is not', () => {
    const done = memory.slice();
    adoptAndOperate(wordsOf(done));
    const ground = groundOn(wordsOf(done));
    for (const key of keysOf(scenario)) expect(lookUp(ground, key), `key ${key}`).toEqual(scenario.after.get(key));
  });
});

describe('the scenarios', () => {
  const header = (name: string): { before: Int32Array; after: Int32Array } => {
    const { memory, operation } = scenariosByName.find(([each]) => each === name)![1];
    const after = memory.slice();
    operation(writerOn(wordsOf(after)));
    return { before: memory, after };
  };

  it('go the ways that they are named for', () => {
    const depth = (name: string): number[] => Object.values(header(name)).map((words) => words[4]!);
    expect(depth('a split')).toEqual([0, 1]);
    expect(depth('another meta, with a split')).toEqual([0, 1]);
    const [before, after] = depth('a split of one side');
    expect(before).toBeGreaterThan(0);
    expect(after).toBeGreaterThanOrEqual(before!);
    expect(depth('a renewal')).toEqual([0, 0]);
    const uses = ({ before: from, after: to }: ReturnType<typeof header>): boolean[] =>
      [80, 112, 144].map((word) => from[word]! >>> 8 !== to[word]! >>> 8);
    expect(uses(header('a renewal'))).toContain(true);
    expect(uses(header('two renewals of a segment, into the one that was given up'))[0]).toBe(true);
  });

  it('have keys that lie where they should', () => {
    for (const prefix of ['0', '01', '1']) {
      for (const bucket of [0, 1]) {
        const [d0, d1] = digestOf(keyAt(prefix, bucket, 2));
        expect(d0 >>> (32 - prefix.length)).toBe(Number.parseInt(prefix, 2));
        expect(d1 & 1).toBe(bucket);
      }
    }
  });
});
