/**
 * Every interleaving of one operation of the writer and one lookup, on a tiny table: nothing that is there is missed,
 * nothing is torn, and what was acknowledged before the lookup began is what it sees. And wrong protocols, each of which
 * has to be found out.
 */
import { describe, expect, it } from 'vitest';
import type { SharedWords } from '../../src/memory/words.js';
import type { LoopWords } from '../../src/table/loops/words.js';
import { TableWord } from '../../src/table/layout.js';
import { RowWriter } from '../../src/table/row-writer.js';
import type { TableGround } from '../../src/table/ground.js';
import { explore, startOver, type Exploration } from '../support/explore-interleavings.js';
import { groundOn, lookUp, wordsOf, type Entry } from '../support/table-ground.js';
import { allowedStates, keyAt, keysOf, scenarios, type Scenario } from '../support/table-scenarios.js';
import { wrongGrounds, wrongReaders } from '../support/table-wrong-protocols.js';

interface Store {
  readonly index: number;
  readonly value: number;
}

interface Seen {
  readonly acknowledged: number;
  readonly found: Entry | null;
}

interface Protocol {
  readonly ground?: (words: LoopWords) => TableGround;
  readonly read?: (words: LoopWords, key: number) => Entry | undefined;
}

const same = (a: Entry | undefined, b: Entry | undefined): boolean => a?.expiryS === b?.expiryS && a?.meta === b?.meta;

/**
 * What the writer stores does not depend on readers, who store nothing: so it is found out beforehand. Words that it
 * does not store into are the same all the while, and no part of the model.
 */
const storesOf = ({ memory, operation }: Scenario, ground: (words: LoopWords) => TableGround): Store[] => {
  const stores: Store[] = [];
  const words = wordsOf(memory.slice());
  const store = (index: number, value: number): void => {
    words.store(index, value);
    stores.push({ index, value: value | 0 });
  };
  operation(new RowWriter(ground({ ...words, store })));
  return stores;
};

const run = (scenario: Scenario, key: number, { ground = groundOn, read }: Protocol = {}): Exploration => {
  const { memory } = scenario;
  const stores = storesOf(scenario, ground);
  const places = new Map([...new Set(stores.map(({ index }) => index))].map((index, place) => [index, place]));
  const acknowledgement = places.size;
  const readable = (words: SharedWords): LoopWords => {
    let turns = 0;
    return {
      load: (index) => {
        // A turn begins with it, and knows nothing of the one before.
        if (index === TableWord.DEPTH && ++turns === 2) startOver();
        return places.has(index) ? words.load(places.get(index)!) : memory[index]!;
      },
      store: () => expect.fail('a reader stores nothing'),
    };
  };
  return explore({
    words: acknowledgement + 1,
    prepare: (words) => places.forEach((place, index) => words.store(place, memory[index]!)),
    threads: [
      {
        name: 'writer',
        steps: [
          (words) => {
            for (const { index, value } of stores) words.store(places.get(index)!, value);
            words.store(acknowledgement, 1);
          },
        ],
      },
      {
        name: 'reader',
        steps: [
          (words) => words.load(acknowledgement),
          (words, acknowledged): Seen => {
            const found = read ? read(readable(words), key) : lookUp(groundOn(readable(words)), key);
            return { acknowledged: acknowledged as number, found: found ?? null };
          },
        ],
      },
    ],
    check: ({ results }) => {
      const { acknowledged, found } = results['reader'] as Seen;
      const states = acknowledged === 1 ? [scenario.after.get(key)] : allowedStates(scenario, key);
      if (states.some((state) => same(state, found ?? undefined))) return;
      throw new Error(`${acknowledged === 1 ? 'acknowledged' : 'under way'}: ${JSON.stringify(found)}`);
    },
  });
};

const every = scenarios();

describe('one operation and one lookup', () => {
  let schedules = 0n;

  it.each(every.map((scenario) => [scenario.name, scenario] as const))('%s', (_, scenario) => {
    for (const key of keysOf(scenario)) {
      const exploration = run(scenario, key);
      expect(exploration.violation, `key ${key}`).toBeUndefined();
      schedules += exploration.schedules;
    }
  });

  it('are tried in every order', () => {
    expect(schedules).toBeGreaterThan(1_000_000n);
  });
});

/** True if a protocol is found out by any scenario. */
const isFoundOut = (protocol: Protocol): boolean =>
  every.some((scenario) => keysOf(scenario).some((key) => run(scenario, key, protocol).violation !== undefined));

describe('is found out', () => {
  it.each(Object.entries(wrongGrounds))('%s', (_, ground) => {
    expect(isFoundOut({ ground })).toBe(true);
  });

  it.each(Object.entries(wrongReaders))('%s', (_, read) => {
    expect(isFoundOut({ read })).toBe(true);
  });

  it('and what is right with the same means is not', () => {
    const first = keyAt('0', 0);
    for (const scenario of every.slice(0, 3)) expect(run(scenario, first).violation).toBeUndefined();
  });
});
