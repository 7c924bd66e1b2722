/**
 * Every interleaving of the snapshot's protocols, at small sizes: see test/support/explore-interleavings.ts, and
 * docs/explanation/memory-model.md for what is shown here. How many schedules each is, exactly, is printed at the end;
 * the number that each test asks for says how many digits of them there are at least.
 */
import { describe, expect, test } from 'vitest';
import { ConditionVariable } from '../../src/memory/condition.js';
import { slotIndex } from '../../src/memory/layout.js';
import {
  fenceRecord,
  lastGeneration,
  readRecord,
  refuseRecord,
  takeLease,
  withdrawRecord,
  type FencingLease,
} from '../../src/memory/record.js';
import { raise, notify, type SharedWords } from '../../src/memory/words.js';
import {
  type End,
  explore,
  type Model,
  type ModelThread,
  prepared,
  startOver,
  type Step,
} from '../support/explore-interleavings.js';
import { interleavingRuns, type SmallModel } from '../support/interleaving-runs.js';
import {
  FIRST_SEAT,
  inTurns,
  publish,
  type Read,
  readAlong,
  see,
  type Seen,
  sit,
  TINY,
  TINY_WORDS,
  withdraw,
  Word,
  type Writing,
} from '../support/tiny-record.js';
import {
  fenceAndDrop,
  lastGenerationBackwards,
  publishInPlace,
  publishThenFill,
  readerThat,
  withoutCompare,
  withoutCompareExchange,
} from '../support/wrong-protocols.js';

const { holds, breaks } = interleavingRuns(TINY_WORDS);

/** The words as they are once generation 1 is published by a first writer; its lease. */
const onePublished = (): { readonly prepare: NonNullable<Model['prepare']>; readonly lease: FencingLease } => {
  const prepare = (words: SharedWords): FencingLease => {
    const writing = publish({ generation: 1 })(words, sit(FIRST_SEAT)(words, undefined)) as Writing;
    return writing.lease;
  };
  return { prepare, lease: prepared(TINY_WORDS, prepare) };
};

describe('the explorer', () => {
  const adds =
    (index: number): Step =>
    (words) => [words.add(index, 1), words.add(index, 1)];
  const pair = (index: number): SmallModel => ({
    threads: [
      { name: 'a', steps: [adds(0)] },
      { name: 'b', steps: [adds(index)] },
    ],
  });

  test('tries every order of two operations and two', () => {
    const ends = new Set<string>();
    const model = { ...pair(0), words: 2, check: (end: End) => void ends.add(JSON.stringify(end.results)) };
    expect(explore(model)).toMatchObject({ schedules: 6n });
    expect([...ends].sort()).toEqual(
      ['0,1|2,3', '0,2|1,3', '0,3|1,2', '1,2|0,3', '1,3|0,2', '2,3|0,1'].map((end) => {
        const [a, b] = end.split('|').map((numbers) => numbers.split(',').map(Number));
        return JSON.stringify({ a, b });
      }),
    );
  });

  test('tries one order of what makes no difference', () =>
    expect(explore({ ...pair(1), words: 2 })).toMatchObject({ schedules: 1n }));

  test('kills before every operation', () => {
    const values = new Set<number>();
    explore({
      words: 1,
      threads: [{ name: 'a', mayDie: true, steps: [adds(0), adds(0)] }],
      check: ({ load }) => void values.add(load(0)),
    });
    expect([...values].sort()).toEqual([0, 1, 2, 3, 4]);
  });

  test('says when a model is beyond it, or goes round in a circle', () => {
    const turns: Step = (words) => (words.load(0) === 0 ? startOver() : undefined);
    expect(explore({ words: 1, threads: [{ name: 'a', steps: [turns] }] }).violation?.message).toMatch(/circle/);
  });
});

describe('one writer and a reader', () => {
  const generations = [1, 2, 3] as const;
  const model = (read?: Read, store: (step: { generation: number; event: number }) => Step = publish): SmallModel => {
    const step = readAlong([undefined, ...generations, undefined], read);
    const publications = generations.map((generation) => store({ generation, event: generation }));
    return {
      threads: [
        { name: 'writer', steps: [sit(FIRST_SEAT), ...publications, withdraw(4)] },
        { name: 'reader', steps: [step, step] },
      ],
    };
  };

  test('three publications and a withdrawal: each of two reads is a record that was live in that read', () =>
    holds('publish 3 times, withdraw', model(), 38));

  test('the checksum is a belt beside braces: nothing is torn without it', () =>
    holds('the same, with no checksum', model(readerThat({ again: true, stamp: true })), 38));

  test.each([
    ['a reader that does not look at the control word again', readerThat({ again: false, stamp: true }), /torn|saw/],
    ['a reader that does not look at the stamp', readerThat({ again: true, stamp: false }), /torn/],
  ])('%s is found out', (name, read, how) => breaks(name, model(read), how));

  test.each([
    ['a record that is live before it is whole', publishThenFill],
    ['a record that is filled while it is live', publishInPlace],
  ])('%s is found out', (name, store) =>
    breaks(name, model(readerThat({ again: true, stamp: true }), store), /torn|saw/),
  );
});

/** Reads on and on: generations never go back, none is published by two, and what was kept at a fence is the least. */
const watchful: Step = (words, state) => {
  const kept = words.load(Word.KEPT);
  const seen = see(inTurns(words));
  const last = state as Seen | undefined | null;
  if (!seen) {
    if (kept > 0) throw new Error(`saw none after ${kept} was kept`);
    return last;
  }
  if (seen.generation < (last?.generation ?? 0)) throw new Error(`went back to ${seen.generation}`);
  if (seen.generation === last?.generation && seen.writer !== last.writer) throw new Error('one generation twice');
  if (kept > 0 && seen.writer === 1 && seen.generation !== kept) {
    throw new Error(`saw ${seen.generation} of a fenced writer, ${kept} was kept`);
  }
  return seen;
};

/** Publishes, as writer 2, the generation after the last. */
const publishNext = (last: typeof lastGeneration = lastGeneration, who = 2): readonly Step[] => [
  (words, state) => ({ ...(state as Writing), last: last(inTurns(words), TINY) }),
  (words, state) => {
    const { last, ...writing } = state as Writing & { last: number };
    const after = publish({ who, generation: last + 1 })(words, writing) as Writing;
    if (after.fenced) throw new Error('the one writer there is was fenced');
    return after;
  },
];

/** Notes what the record is when the fence is done. */
const noteKept: Step = (words, state) => {
  words.store(Word.KEPT, see(inTurns(words))?.generation ?? 0);
  return state;
};

const zombieOf = (
  lease: FencingLease,
  generations: readonly number[],
  { port = (words: SharedWords) => words, booting = false } = {},
): ModelThread => ({
  name: 'zombie',
  steps: [
    booting ? sit(lease) : (): Writing => ({ lease, published: [], fenced: false }),
    ...generations.map(
      (generation): Step =>
        (words, state) =>
          publish({ generation })(port(words), state),
    ),
  ],
});

describe('a fence beside a zombie', () => {
  const { prepare, lease } = onePublished();
  const model = (
    fence: (words: SharedWords) => FencingLease = (words) => ({
      epoch: 2,
      bank: 1,
      control: fenceRecord(words, TINY, 1),
    }),
    zombie: ModelThread = zombieOf(lease, [2]),
    reads = 2,
  ): SmallModel => ({
    prepare,
    threads: [
      zombie,
      { name: 'successor', steps: [(words) => fence(inTurns(words)), noteKept, sit(), ...publishNext()] },
      { name: 'reader', steps: Array.from({ length: reads }, () => watchful) },
    ],
    check: ({ results, load }) => {
      const { published, fenced } = results['zombie'] as Writing;
      if (!published.every((generation) => generation <= load(Word.KEPT))) throw new Error('published when fenced');
      if (fenced && !isWiped(load, 0)) throw new Error('a fenced writer left something behind');
    },
  });

  test('the zombie publishes, or is fenced: readers see what was kept, then the successor', () =>
    holds('fence, zombie publishes', model(), 60));

  test('it publishes twice', () =>
    holds('fence, zombie publishes twice', model(undefined, zombieOf(lease, [2, 3]), 0), 20));

  test('it was still starting', () =>
    holds('fence, zombie starts and publishes', model(undefined, zombieOf(lease, [2], { booting: true }), 1), 40));

  test('a fence that does not compare is found out', () =>
    breaks(
      'a fence by a store',
      model((words) => ({ epoch: 2, bank: 1, control: fenceRecord(withoutCompare(words), TINY, 1) })),
      /back|published/,
    ));

  test('a fence that keeps nothing is found out', () =>
    breaks(
      'a fence that keeps nothing',
      model((words) => ({ epoch: 2, bank: 1, control: fenceAndDrop(words, 1) })),
      /back|one writer|published|twice/,
    ));

  test('a writer that publishes by a store is found out', () =>
    breaks(
      'a publication by a store',
      model(undefined, zombieOf(lease, [2], { port: withoutCompare })),
      /fenced|back|published/,
    ));

  test('a writer that loads, compares and stores is found out', () =>
    breaks(
      'a publication by a load and a store',
      model(undefined, zombieOf(lease, [2], { port: withoutCompareExchange })),
      /fenced|back|published/,
    ));

  test('a writer that reads the control word again is found out', () => {
    const returning: ModelThread = {
      name: 'zombie',
      steps: [
        sit(lease),
        (words, state) => ({ ...(state as Writing), lease: { ...lease, control: words.load(TINY.control) } }),
        (words, state) => publish({ generation: 2 })(words, state),
      ],
    };
    breaks('a writer that reads the control word again', model(undefined, returning), /fenced|back|published|twice/);
  });

  test('a successor in the bank of the zombie is found out', () =>
    breaks(
      'a successor in the bank of the zombie',
      model((words) => ({ epoch: 2, bank: 0, control: words.load(TINY.control) })),
      /./,
    ));
});

const isWiped = (load: (index: number) => number, bank: number): boolean =>
  [0, 1].every((slot) => {
    const base = slotIndex(TINY, bank, slot);
    return Array.from({ length: TINY.slotWords }, (_, word) => load(base + word)).every((word) => word === 0);
  });

describe('a second successor beside the same zombie', () => {
  const { prepare: first, lease: zombieSeat } = onePublished();
  const prepareBoth = (words: SharedWords): FencingLease => {
    first(words);
    const lease = takeLease(words, TINY, 2, [zombieSeat]);
    words.store(Word.KEPT, 1);
    return (publish({ who: 2, generation: 2 })(words, sit(lease)(words, undefined)) as Writing).lease;
  };
  const lease = prepared(TINY_WORDS, prepareBoth);

  test('it takes the bank of the first successor, wherever that one died', () =>
    holds(
      'second successor',
      {
        prepare: prepareBoth,
        threads: [
          zombieOf(zombieSeat, [9]),
          { name: 'first', steps: [sit(lease), publish({ who: 2, generation: 3 })], mayDie: true },
          {
            name: 'second',
            after: ['first'],
            steps: [(words) => takeLease(words, TINY, 3, [zombieSeat]), sit(), ...publishNext(lastGeneration, 3)],
          },
          { name: 'reader', steps: [watchful] },
        ],
        check: ({ results }) => {
          if (!(results['zombie'] as Writing).fenced) throw new Error('the zombie published');
        },
      },
      30,
    ));

  test('there is no third lease', () => {
    prepared(TINY_WORDS, (words) => {
      prepareBoth(words);
      expect(() => takeLease(words, TINY, 3, [zombieSeat, lease])).toThrow(
        expect.objectContaining({ code: 'INTERNAL' }),
      );
    });
  });
});

describe('a writer that dies after any number of its operations', () => {
  const states = [undefined, 1, 2, 3];
  const read = readAlong(states);

  test('in a publication: the successor goes on where it was', () =>
    holds(
      'death in a publication',
      {
        threads: [
          {
            name: 'writer',
            mayDie: true,
            steps: [sit(FIRST_SEAT), publish({ generation: 1, event: 1 }), publish({ generation: 2, event: 2 })],
          },
          {
            name: 'successor',
            after: ['writer'],
            steps: [(words) => takeLease(words, TINY, 2, []), sit(), ...nextEvent()],
          },
          { name: 'reader', steps: [read, read] },
        ],
        check: ({ load }) => {
          const live = load(TINY.control);
          for (const bank of [0, 1]) {
            for (const slot of [0, 1]) {
              const length = load(slotIndex(TINY, bank, slot) + 3);
              if (((live & 3) === bank * 2 + slot) !== (length !== 0)) throw new Error('something is left behind');
            }
          }
        },
      },
      20,
    ));

  const stopped = (last: typeof lastGeneration, wordless: boolean, observer: ModelThread): SmallModel => {
    const place = wordless ? { ...TINY, generation: undefined } : TINY;
    return {
      threads: [
        { name: 'writer', mayDie: true, steps: [sit(FIRST_SEAT), publish({ generation: 1, wordless })] },
        {
          name: 'supervisor',
          after: ['writer'],
          steps: [(words) => withdrawRecord(inTurns(words), place as typeof TINY, { wipe: true })],
        },
        {
          name: 'successor',
          after: ['supervisor'],
          steps: [(words) => takeLease(words, TINY, 2, []), sit(), ...publishNext(last)],
        },
        observer,
      ],
    };
  };

  const reader: ModelThread = { name: 'reader', steps: [watchful, watchful] };
  const asker = (last: typeof lastGeneration): ModelThread => ({
    name: 'asker',
    steps: [
      (words) => last(inTurns(words), TINY),
      (words, state) => {
        if (last(inTurns(words), TINY) < (state as number)) throw new Error('the last generation went back');
      },
    ],
  });

  test('before its record is withdrawn: its generation does not come again', () =>
    holds('death, then a withdrawal', stopped(lastGeneration, false, reader), 20));

  test('and the last generation never goes back', () =>
    holds('death, a withdrawal, the last generation', stopped(lastGeneration, false, asker(lastGeneration)), 20));

  test('a generation that goes with its record is found out', () =>
    breaks('no word for the generation', stopped(lastGeneration, true, reader), /twice/));

  test('a generation that is asked for in the wrong order is found out', () =>
    breaks(
      'the word before the record',
      stopped(lastGenerationBackwards, false, asker(lastGenerationBackwards)),
      /back/,
    ));
});

/** The successor's publication, noted as the event of its generation. */
function nextEvent(): readonly Step[] {
  return [
    (words, state) => ({ ...(state as Writing), last: lastGeneration(inTurns(words), TINY) }),
    (words, state) => {
      const { last, ...writing } = state as Writing & { last: number };
      return publish({ who: 2, generation: last + 1, event: last + 1 })(words, writing);
    },
  ];
}

describe('a withdrawal from outside, beside a zombie', () => {
  const { prepare, lease } = onePublished();
  const reading: Step = (words) => {
    const done = words.load(Word.DONE);
    const seen = see(inTurns(words));
    if (done && seen) throw new Error(`saw ${seen.generation} after the withdrawal`);
  };

  test.each([true, false])('the zombie never publishes again (wiped: %s)', (wipe) =>
    holds(
      `withdrawal beside a zombie, wipe ${wipe}`,
      {
        prepare,
        threads: [
          zombieOf(lease, [2]),
          {
            name: 'supervisor',
            steps: [(words) => withdrawRecord(inTurns(words), TINY, { wipe }), (words) => words.store(Word.DONE, 1)],
          },
          { name: 'reader', steps: wipe ? [reading] : [reading, reading] },
        ],
      },
      20,
    ),
  );
});

describe('the doorbell', () => {
  const FOREVER_MS = 2 ** 40;
  const waits =
    (isMet: (words: SharedWords) => boolean): Step =>
    (words) =>
      void new ConditionVariable(words, Word.CHANGE).waitSync(() => isMet(words) || undefined, FOREVER_MS);
  const isDone = (words: SharedWords): boolean => words.load(Word.DONE) === 1;
  const store: Step = (words) => words.store(Word.DONE, 1);
  const rings: Step = (words) => notify(words, Word.CHANGE);
  const waiter = (name: string, wait: Step = waits(isDone), slices = 0): ModelThread => ({
    name,
    steps: [wait],
    slices,
  });
  const ringer = (...steps: readonly Step[]): ModelThread => ({ name: 'ringer', steps });

  test('a ring releases every waiter, with no slices', () =>
    holds('notify, 3 waiters', { threads: [ringer(store, rings), waiter('a'), waiter('b'), waiter('c')] }, 4));

  test('two ringers, and a waiter for both', () => {
    const both = waits((words) => words.load(Word.DONE) === 1 && words.load(Word.KEPT) === 1);
    const other: ModelThread = { name: 'other', steps: [(words) => words.store(Word.KEPT, 1), rings] };
    holds('2 ringers, 2 waiters', { threads: [ringer(store, rings), other, waiter('a', both), waiter('b', both)] }, 5);
  });

  const orphaned = (slices: number): SmallModel => ({
    threads: [
      { ...ringer(store, rings), mayDie: true },
      { name: 'exit', after: ['ringer'], steps: [store] },
      waiter('a', undefined, slices),
      waiter('b', undefined, slices),
    ],
  });

  test('a ringer that dies before its notify, or between count and notify, costs a slice', () =>
    holds('ringer dies, slices', orphaned(2), 3));

  test('a wait without slices is found out when a ringer dies', () =>
    breaks('no slices', orphaned(0), /waits for ever/));

  test('a ring before the store is found out', () =>
    breaks('ring before store', { threads: [ringer(rings, store), waiter('a')] }, /waits for ever/));

  test('a notify that counts nothing is found out', () =>
    breaks(
      'notify only',
      { threads: [ringer(store, (words) => words.notify(Word.CHANGE)), waiter('a')] },
      /waits for ever/,
    ));

  test('a waiter that checks before it reads the counter is found out', () => {
    const hasty: Step = (words) => {
      while (!isDone(words)) words.wait(Word.CHANGE, words.load(Word.CHANGE), FOREVER_MS);
    };
    breaks('check before the counter', { threads: [ringer(store, rings), waiter('a', hasty)] }, /waits for ever/);
  });
});

describe('words that are only ever raised', () => {
  const checkChange: Model['checkChange'] = (index, before, after) => {
    if (index === Word.WANTED && after < before) throw new Error(`went back from ${before} to ${after}`);
  };
  const raising = (lift: (words: SharedWords, value: number) => boolean): SmallModel => ({
    threads: [2, 3, 3].map((value, n) => ({ name: `thread ${n}`, steps: [(words) => lift(words, value)] })),
    checkChange,
    check: ({ results, load }) => {
      if (load(Word.WANTED) !== 3) throw new Error(`ended at ${load(Word.WANTED)}`);
      if ([results['thread 1'], results['thread 2']].filter(Boolean).length !== 1) throw new Error('two raised it');
    },
  });

  test('three threads raise one word: it never goes back, and one of two equals has raised it', () =>
    holds(
      'raise from 3 threads',
      raising((words, value) => raise(words, Word.WANTED, value)),
      2,
    ));

  test('a raise by load and store is found out', () =>
    breaks(
      'raise by load and store',
      raising((words, value) => raise(withoutCompareExchange(words), Word.WANTED, value)),
      /back|ended|two/,
    ));
});

describe('requests', () => {
  const FOREVER_MS = 2 ** 40;
  const last = (words: SharedWords): number => words.load(TINY.generation ?? 0);

  /** `get()` of a reader, less the record: asks for the generation after the last, again if that one has gone. */
  const gets: readonly Step[] = [
    (words) => {
      const wanted = last(words) + 1;
      if (raise(words, Word.WANTED, wanted)) notify(words, Word.REQUEST);
      return wanted;
    },
    (words, wanted) => {
      new ConditionVariable(words, Word.CHANGE).waitSync(
        () => last(words) >= (wanted as number) || undefined,
        FOREVER_MS,
      );
    },
  ];
  const leaves: Step = (words) => {
    words.add(Word.DONE, 1);
    notify(words, Word.REQUEST);
  };

  /** An actor that mints when it is asked to, until all who asked have left. */
  const actor = (askers: number, slices = 0): ModelThread => ({
    name: 'actor',
    slices,
    steps: [
      (words) => {
        const seen = words.load(Word.REQUEST);
        const generation = last(words);
        if (words.load(Word.WANTED) > generation) {
          raise(words, TINY.generation ?? 0, generation + 1);
          notify(words, Word.CHANGE);
        } else {
          if (words.load(Word.DONE) >= askers) return;
          words.wait(Word.REQUEST, seen, FOREVER_MS);
        }
        startOver();
      },
    ],
  });

  test('two threads ask: both are served, with no slices', () =>
    holds(
      '2 askers',
      { threads: [actor(2), { name: 'a', steps: [...gets, leaves] }, { name: 'b', steps: [...gets, leaves] }] },
      5,
    ));

  const orphaned = (slices: number): SmallModel => ({
    threads: [actor(1, slices), { name: 'a', steps: gets, mayDie: true }, { name: 'b', steps: [...gets, leaves] }],
  });

  test('one that dies between its raise and its ring costs the other a slice of the actor', () =>
    holds('an asker dies', orphaned(1), 5));

  test('an actor that only listens is found out when an asker dies', () =>
    breaks('an actor that only listens', orphaned(0), /waits for ever/));

  test('two threads invalidate one token: it is replaced once, and nobody is given it again', () => {
    const { prepare, lease } = onePublished();
    const refuses: readonly Step[] = [
      (words) => {
        raise(words, Word.INVALIDATED, 1);
        refuseRecord(inTurns(words), TINY, 1);
        notify(words, Word.REQUEST);
      },
      (words) => {
        const doorbell = new ConditionVariable(inTurns(words), Word.CHANGE);
        const taken = doorbell.waitSync(() => {
          const seen = see(inTurns(words));
          return seen && seen.generation > words.load(Word.INVALIDATED) ? seen : undefined;
        }, FOREVER_MS);
        if (taken?.generation !== 2) throw new Error(`was given ${taken?.generation}`);
      },
    ];
    holds(
      'invalidate from 2 threads',
      {
        prepare,
        threads: [
          {
            name: 'actor',
            steps: [
              sit(lease),
              (words, state) => {
                for (;;) {
                  const seen = words.load(Word.REQUEST);
                  if (words.load(Word.INVALIDATED) >= 1) return state;
                  words.wait(Word.REQUEST, seen, FOREVER_MS);
                }
              },
              withdraw(),
              publish({ generation: 2 }),
              (words) => notify(words, Word.CHANGE),
            ],
          },
          { name: 'a', steps: refuses },
          { name: 'b', steps: refuses },
        ],
      },
      20,
    );
  });

  describe('a refusal', () => {
    /** A writer that publishes the next one, one that refuses, and a reader that has the record cached. */
    const refusing = (refuse: (words: SharedWords) => void): SmallModel => {
      const { prepare, lease } = onePublished();
      return {
        prepare,
        threads: [
          {
            name: 'actor',
            steps: [
              sit(lease),
              publish({ generation: 2 }),
              (_words, state) => {
                if ((state as Writing).fenced) throw new Error('shut out by a refusal');
              },
            ],
          },
          {
            name: 'refuser',
            steps: [
              (words) => {
                raise(words, Word.INVALIDATED, 1);
                refuse(words);
                words.store(Word.DONE, 1);
              },
            ],
          },
          {
            name: 'reader',
            steps: [
              (words) => {
                const record = readRecord(inTurns(words), TINY);
                return record.payload && record.generation > words.load(Word.INVALIDATED) ? record : undefined;
              },
              (words, state) => {
                const cached = state as { readonly control: number; readonly generation: number } | undefined;
                const done = words.load(Word.DONE) === 1;
                const counts = words.load(TINY.control) === cached?.control;
                if (done && counts && cached.generation === 1) throw new Error('was given what is refused');
              },
            ],
          },
        ],
      };
    };

    test('makes every reader that has the token cached look again, and shuts no writer out', () =>
      holds(
        'refuse beside a publish',
        refusing((words) => refuseRecord(inTurns(words), TINY, 1)),
        8,
      ));

    test('that only raises a word leaves them what they have', () =>
      breaks(
        'a refusal by a word alone',
        refusing(() => undefined),
        /was given what is refused/,
      ));

    test('that is a change like any other shuts the writer out', () =>
      breaks(
        'a refusal by a change',
        refusing((words) => withdrawRecord(inTurns(words), TINY, { wipe: false })),
        /shut out/,
      ));
  });
});
