/**
 * Every interleaving of the words that readers look at beside a record or a table: STOPPED, and a ledger's VALID_UNTIL and
 * ERA. What they stand beside is one word here, stored in one operation: that a record and a table are so has its own models
 * (snapshot-interleavings, table-interleavings).
 */
import { describe, test } from 'vitest';
import { State } from '../../src/kinds/ledger/ledger-entry.js';
import {
  freshness,
  initialFreshness,
  type FreshnessEvent,
  type FreshnessState,
} from '../../src/kinds/ledger/ledger-freshness.js';
import { isRevokedBy, LedgerTable, nextEra, type LedgerTableOptions } from '../../src/kinds/ledger/ledger-table.js';
import type { Instant } from '../../src/core/clock.js';
import { Header } from '../../src/memory/layout.js';
import { deriveStopped, publishPhase, stopForGood } from '../../src/memory/stopped.js';
import { closeValidUntil, isValid } from '../../src/memory/valid-until.js';
import type { SharedWords } from '../../src/memory/words.js';
import type { ModelThread, Step } from '../support/explore-interleavings.js';
import { interleavingRuns, type SmallModel } from '../support/interleaving-runs.js';
import { sameWords } from '../support/tiny-record.js';

const WORDS = 8;
const { holds, breaks } = interleavingRuns(WORDS);

describe('STOPPED', () => {
  const Word = { RECORD: 0, STOPPED: 1, DONE: 2 } as const;
  const FENCED = new Error('fenced');

  /** The words as the code under test has them: the header's STOPPED is one of the model's. */
  const headed = (words: SharedWords): SharedWords => {
    const at = (index: number): number => (index === Header.STOPPED ? Word.STOPPED : index);
    return {
      ...sameWords(words),
      store: (index, value) => words.store(at(index), value),
      compareExchange: (index, expected, value) => words.compareExchange(at(index), expected, value),
    };
  };

  /** A record is a count of its changes and one bit: stopped. */
  const saysStopped = (record: number): boolean => (record & 1) === 1;
  const next = (record: number, stopped: boolean): number => ((record >> 1) + 1) * 2 + (stopped ? 1 : 0);

  interface Seat {
    readonly control: number;
    readonly fenced?: true;
  }
  type Persist = typeof publishPhase;
  type Derive = typeof deriveStopped;

  /** A writer publishes from the control word that it knows, or is fenced. */
  const persists =
    (stopped: boolean, persist: Persist): Step =>
    (words, state) => {
      const lease = state as Seat;
      if (lease.fenced) return lease;
      const after = next(lease.control, stopped);
      try {
        persist(headed(words), stopped, () => {
          if (words.compareExchange(Word.RECORD, lease.control, after) !== lease.control) throw FENCED;
        });
        return { control: after };
      } catch (error) {
        if (error !== FENCED) throw error;
        return { ...lease, fenced: true };
      }
    };
  /** On its lease before anything else happens. */
  const sits: Step = (): Seat => ({ control: 0 });

  const supervisor = (phases: readonly boolean[], persist: Persist): ModelThread => ({
    name: 'supervisor',
    mayDie: true,
    steps: [sits, ...phases.map((stopped) => persists(stopped, persist))],
  });
  const derives =
    (derive: Derive): Step =>
    (words) =>
      derive(headed(words), saysStopped(words.load(Word.RECORD)));
  const agree: SmallModel['check'] = ({ load }) => {
    if (saysStopped(load(Word.RECORD)) !== (load(Word.STOPPED) !== 0)) throw new Error('the word is not as the record');
  };

  const dying = (persist: Persist = publishPhase, derive: Derive = deriveStopped): SmallModel => ({
    threads: [
      supervisor([false, true, false, true], persist),
      { name: 'successor', after: ['supervisor'], steps: [derives(derive)] },
      {
        name: 'reader',
        steps: [0, 1].map(() => (words) => {
          const before = words.load(Word.RECORD);
          const stopped = words.load(Word.STOPPED) !== 0;
          const isSame = words.load(Word.RECORD) === before;
          if (saysStopped(before) && isSame && !stopped) throw new Error('answers when stopped');
        }),
      },
    ],
    check: agree,
  });

  test('a supervisor thread starts, stops and restarts a child and dies anywhere: what is stopped never answers', () =>
    holds('STOPPED, its writer dies', dying(), 3));

  test.each<[string, Persist, Derive]>([
    [
      'the word before the record, as it was',
      (words, stopped, publish) => {
        words.store(Header.STOPPED, stopped ? 1 : 0);
        publish();
      },
      deriveStopped,
    ],
    [
      'the word after the record',
      (words, stopped, publish) => {
        publish();
        words.store(Header.STOPPED, stopped ? 1 : 0);
      },
      deriveStopped,
    ],
    ['a supervisor thread that derives nothing at its start', publishPhase, () => undefined],
  ])('%s is found out', (name, persist, derive) =>
    breaks(`STOPPED: ${name}`, dying(persist, derive), /answers when stopped|not as the record/),
  );

  /** What ends a child from outside, beside a supervisor thread that has not heard of its end, or one that starts. */
  const stops =
    (forGood: (words: SharedWords) => void): Step =>
    (words) => {
      forGood(headed(words));
      for (;;) {
        // The fence, and the record behind it: a change that its writer does not know of.
        const found = words.load(Word.RECORD);
        if (words.compareExchange(Word.RECORD, found, next(found, true)) === found) break;
      }
      words.store(Word.DONE, 1);
    };
  const outside = (
    beside: ModelThread = supervisor([true, false], publishPhase),
    stop: Step = stops(stopForGood),
  ): SmallModel => ({
    threads: [
      beside,
      { name: 'main', steps: [stop] },
      {
        name: 'reader',
        steps: [
          (words) => {
            if (words.load(Word.DONE) === 1 && words.load(Word.STOPPED) === 0) throw new Error('answers when stopped');
          },
        ],
      },
    ],
    check: (end) => {
      agree(end);
      if (!saysStopped(end.load(Word.RECORD))) throw new Error('came back');
    },
  });
  const starting = (derive: Derive): ModelThread => ({ name: 'next', mayDie: true, steps: [derives(derive)] });
  const byStores: Persist = (words, stopped, publish) => {
    if (stopped) words.store(Header.STOPPED, 1);
    publish();
    if (!stopped) words.store(Header.STOPPED, 0);
  };

  test('a stop from outside, beside a supervisor thread that starts the child again: it stays stopped', () =>
    holds('STOPPED from outside', outside(), 2));

  test('a stop from outside, beside a supervisor thread that begins', () =>
    holds('STOPPED from outside, a start', outside(starting(deriveStopped)), 1));

  test.each<[string, SmallModel]>([
    ['a supervisor thread that stores without a look', outside(supervisor([true, false], byStores))],
    [
      'a stop that stores what the supervisor thread does',
      outside(
        undefined,
        stops((words) => words.store(Header.STOPPED, 1)),
      ),
    ],
    [
      'a stop that does nothing where the record says stopped',
      outside(undefined, (words, state) => {
        if (!saysStopped(words.load(Word.RECORD))) return stops(stopForGood)(words, state);
        stopForGood(headed(words));
        words.store(Word.DONE, 1);
      }),
    ],
    [
      'a start that stores without a look',
      outside(starting((words, stopped) => words.store(Header.STOPPED, stopped ? 1 : 0))),
    ],
  ])('%s is found out', (name, model) =>
    breaks(`STOPPED: ${name}`, model, /answers when stopped|not as the record|came back/),
  );
});

describe('VALID_UNTIL', () => {
  const Word = { CLOCK: 0, VALID: 1, TABLE: 2, STORE: 3, REVOKED_AT: 4, DONE: 5, REOPENED: 6 } as const;
  const STALE_S = 2;
  const POLICY = { maxStalenessMs: STALE_S * 1_000 };

  /** Both clocks are one word, in seconds: what a thread reads of them it reads at once. */
  const clockOf = (wallS: number, monoS: number): number => wallS * 100 + monoS;
  const wallS = (clock: number): number => Math.floor(clock / 100);
  const instant = (clock: number): Instant => ({ wallMs: wallS(clock) * 1_000, monoMs: (clock % 100) * 1_000 });
  const START = clockOf(50, 10);

  /** The real decision, its one effect on the word carried out. */
  const decide = (words: SharedWords, state: FreshnessState, event: FreshnessEvent): FreshnessState => {
    const now = instant(words.load(Word.CLOCK));
    const { state: next, effects } = freshness(state, event, POLICY, now, () => 0);
    for (const effect of effects) if (effect.kind === 'valid_until') words.store(Word.VALID, effect.second);
    return next;
  };
  const isOpen = (words: SharedWords): boolean =>
    isValid(words.load(Word.VALID) >>> 0, wallS(words.load(Word.CLOCK)) * 1_000);
  const following: FreshnessState = { ...initialFreshness, next: 'look' };

  describe('of a ledger that follows its store', () => {
    interface Wrong {
      /** What the actor does in which order. */
      readonly look?: 'word first' | 'begins late';
      readonly reader?: 'table first';
    }
    const look =
      (wrong: Wrong): Step =>
      (words, state) => {
        const before = (state as FreshnessState | undefined) ?? following;
        const early = instant(words.load(Word.CLOCK));
        const there = words.load(Word.STORE);
        const began = wrong.look === 'begins late' ? instant(words.load(Word.CLOCK)) : early;
        if (there && wrong.look !== 'word first') words.store(Word.TABLE, 1);
        const after = decide(words, { ...before, task: 'look' }, { kind: 'looked', began });
        if (there && wrong.look === 'word first') words.store(Word.TABLE, 1);
        return after;
      };
    const model = (wrong: Wrong = {}): SmallModel => ({
      prepare: (words) => words.store(Word.CLOCK, START),
      threads: [
        { name: 'actor', steps: [look(wrong), look(wrong)] },
        {
          name: 'revoker',
          steps: [
            (words) => {
              words.store(Word.STORE, 1);
              words.store(Word.REVOKED_AT, words.load(Word.CLOCK));
            },
          ],
        },
        {
          name: 'time',
          steps: [1, 2, 3, 4].map((s) => (words) => words.store(Word.CLOCK, clockOf(50 + s, 10 + s))),
        },
        {
          name: 'reader',
          steps: [
            (words) => {
              const revokedAt = words.load(Word.REVOKED_AT);
              const began = words.load(Word.CLOCK);
              const early = wrong.reader === 'table first' ? words.load(Word.TABLE) : undefined;
              const passes = isOpen(words) && (early ?? words.load(Word.TABLE)) === 0;
              if (passes && revokedAt !== 0 && wallS(began) - wallS(revokedAt) >= STALE_S)
                throw new Error('a revocation that is older than the bound was not seen');
            },
          ],
        },
      ],
    });

    test('no revocation that is older than the bound is missed', () =>
      holds('VALID_UNTIL, looks and a reader', model(), 7));

    test.each<[string, Wrong]>([
      ['an actor that moves the word before it has put what it saw', { look: 'word first' }],
      ['a look that counts from its answer', { look: 'begins late' }],
      ['a reader that looks into the table before it looks at the word', { reader: 'table first' }],
    ])('%s is found out', (name, wrong) => breaks(name, model(wrong), /not seen/));
  });

  describe('when the wall clock is set back', () => {
    const actor: ModelThread = {
      name: 'actor',
      mayDie: true,
      steps: [
        (words) => {
          const began = instant(words.load(Word.CLOCK));
          return decide(words, { ...following, task: 'look' }, { kind: 'looked', began });
        },
      ],
    };
    const clock: ModelThread = {
      name: 'clock',
      steps: [(words) => words.store(Word.CLOCK, clockOf(20, 10))],
    };
    const prepare = (words: SharedWords): void => {
      words.store(Word.CLOCK, START);
      words.store(Word.VALID, 52);
    };
    const starts =
      (adopt: (word: number) => FreshnessEvent): Step =>
      (words) =>
        decide(words, initialFreshness, adopt(words.load(Word.VALID) >>> 0));
    const started = (validUntilS: number): FreshnessEvent => ({ kind: 'started', validUntilS, exclusive: false });

    const untended = (close: (words: SharedWords) => void): SmallModel => ({
      prepare,
      threads: [
        actor,
        clock,
        {
          name: 'supervisor',
          after: ['actor', 'clock'],
          steps: [
            (words) => {
              close(words);
              words.store(Word.DONE, 1);
            },
          ],
        },
        {
          name: 'successor',
          after: ['supervisor'],
          steps: [
            starts(started),
            (words, state) => {
              const began = instant(words.load(Word.CLOCK));
              words.store(Word.REOPENED, 1);
              return decide(words, { ...(state as FreshnessState), task: 'load' }, { kind: 'loaded', began });
            },
          ],
        },
        {
          name: 'reader',
          steps: [
            (words) => {
              const done = words.load(Word.DONE) === 1;
              if (isOpen(words) && done && words.load(Word.REOPENED) === 0) throw new Error('believed when closed');
            },
          ],
        },
      ],
      check: ({ load }) => {
        const valid = load(Word.VALID) >>> 0;
        if (valid === 0 || valid > 20 + STALE_S) throw new Error(`ends at ${valid}`);
      },
    });

    test('and the actor is dead: it is closed until the next one has looked', () =>
      holds(
        'VALID_UNTIL, a step with no actor',
        untended((words) => void closeValidUntil(words, Word.VALID)),
        2,
      ));

    test('a supervisor that takes back the snapshot alone, as it did, is found out', () =>
      breaks(
        'VALID_UNTIL is not closed',
        untended(() => undefined),
        /believed when closed/,
      ));

    const restarted = (adopt: (words: SharedWords) => void): SmallModel => ({
      prepare,
      threads: [
        actor,
        clock,
        {
          name: 'successor',
          after: ['actor', 'clock'],
          steps: [(words) => adopt(words), (words) => words.store(Word.DONE, 1)],
          mayDie: true,
        },
        {
          name: 'reader',
          steps: [
            (words) => {
              const done = words.load(Word.DONE) === 1;
              const valid = words.load(Word.VALID) >>> 0;
              if (done && valid > 20 + STALE_S) throw new Error(`believed until ${valid}`);
            },
          ],
        },
      ],
    });

    test('and the actor is started again at once: the word is moved, wherever the next one dies', () =>
      holds(
        'VALID_UNTIL, a step and a successor',
        restarted((words) => void starts(started)(words, undefined)),
        2,
      ));

    test('an actor that keeps the word that it finds, as it did, is found out', () =>
      breaks(
        'VALID_UNTIL is kept',
        restarted((words) => void words.load(Word.VALID)),
        /believed until/,
      ));
  });
});

describe('ERA', () => {
  const Word = { ERA: 0, A: 1, B: 2, DONE: 3, STORED: 4 } as const;

  /** The table, with one word for each of two tokens: 0 is no entry. Of what is stored, no word is 0. */
  const writerOf = (words: SharedWords): LedgerTableOptions['writer'] => {
    let index: number = Word.A;
    return {
      size: 0,
      expiryS: 0,
      meta: 0,
      reserve: () => undefined,
      writeRow: (_rows, _at, key) => void (index = key === 'a' ? Word.A : Word.B),
      findRow() {
        this.meta = words.load(index) >>> 0;
        this.expiryS = 1;
        return this.meta !== 0;
      },
      put: (rows) => {
        words.store(index, rows[4]!);
        return 1;
      },
    };
  };
  const stores = (words: SharedWords, era: number, key: 'a' | 'b'): void => {
    const table = new LedgerTable({ writer: writerOf(words), era, requireStored: true, cutoffs: false });
    table.merge({ key: `t:${key}`, state: State.STORED, expiresAtMs: 9_000 });
  };
  const isAccepted = (words: SharedWords, index: number, era = (): number => words.load(Word.ERA)): boolean =>
    !isRevokedBy(words.load(index) >>> 0 || undefined, true, era);

  interface Wrong {
    readonly successor?: 'keeps the era' | 'raises it last' | 'stores in the one before';
    readonly reader?: 'remembers the era';
  }
  const model = (wrong: Wrong = {}): SmallModel => ({
    threads: [
      { name: 'actor', mayDie: true, steps: [(words) => stores(words, words.load(Word.ERA), 'a')] },
      {
        name: 'successor',
        after: ['actor'],
        steps: [
          (words) => {
            const before = words.load(Word.ERA);
            const raise = (): void => words.store(Word.ERA, nextEra(before));
            const isLate = wrong.successor === 'raises it last';
            if (wrong.successor !== 'keeps the era' && !isLate) raise();
            // Its store is empty: a revocation of all tokens of a subject finds none, and is answered.
            words.store(Word.DONE, 1);
            if (isLate) raise();
            const era = wrong.successor === 'stores in the one before' ? before : words.load(Word.ERA);
            stores(words, era, 'b');
            words.store(Word.STORED, 1);
          },
        ],
      },
      {
        name: 'reader',
        steps: [
          // What a reader would keep for longer than a lookup.
          (words) => (wrong.reader ? words.load(Word.ERA) : undefined),
          (words, remembered) => {
            const era = wrong.reader ? (): number => remembered as number : undefined;
            const done = words.load(Word.DONE) === 1;
            const stored = words.load(Word.STORED) === 1;
            if (isAccepted(words, Word.A, era) && done) throw new Error('accepted what its subject has lost');
            if (stored && !isAccepted(words, Word.B, era)) throw new Error('refused what is stored');
          },
        ],
      },
    ],
  });

  test('what was stored before a crash is accepted no more once something was answered; what is stored since is', () =>
    holds('ERA', model(), 1));

  test.each<[string, Wrong]>([
    ['a successor that keeps the era', { successor: 'keeps the era' }],
    ['a successor that answers before it has raised the era', { successor: 'raises it last' }],
    ['a successor that stores in the era before', { successor: 'stores in the one before' }],
    ['a reader that remembers the era', { reader: 'remembers the era' }],
  ])('%s is found out', (name, wrong) => breaks(name, model(wrong), /accepted|refused/));
});
