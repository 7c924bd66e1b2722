import { describe, expect, test } from 'vitest';
import {
  freshness,
  initialFreshness,
  MIN_STALENESS_MS,
  pollEveryMs,
  type FreshnessEffect,
  type FreshnessEvent,
  type FreshnessState,
} from '../../../../src/kinds/ledger/ledger-freshness.js';
import { VALID_FOREVER } from '../../../../src/memory/valid-until.js';

const POLICY = { maxStalenessMs: 5_000 };
const WALL_MS = 1_700_000_000_250;
const START = { monoMs: 1_000, wallMs: WALL_MS };
const [OPEN, LOAD, LOOK] = (['open', 'load', 'look'] as const).map((task) => ({ kind: 'start', task }) as const);

/** A ledger whose clock is moved by hand, and whose jitter is none. */
class Driven {
  state: FreshnessState = initialFreshness;
  monoMs = START.monoMs;
  wallMs = START.wallMs;

  on(event: FreshnessEvent): readonly FreshnessEffect[] {
    const { state, effects } = freshness(this.state, event, POLICY, this, () => 0);
    this.state = state;
    return effects;
  }

  get now(): { readonly monoMs: number; readonly wallMs: number } {
    return { monoMs: this.monoMs, wallMs: this.wallMs };
  }

  pass(ms: number): this {
    this.monoMs += ms;
    this.wallMs += ms;
    return this;
  }

  /** As readers see it. */
  get open(): boolean {
    return this.state.validUntilS * 1_000 > this.wallMs;
  }

  following(): this {
    this.on({ kind: 'started', validUntilS: 0, exclusive: false });
    this.on({ kind: 'store_opened', exclusive: false });
    this.on({ kind: 'loaded', began: this.now });
    return this;
  }
}

const valid = (second: number) => ({ kind: 'valid_until', second }) as const;
const tell = (what: 'opened' | 'closed') => ({ kind: 'tell', what }) as const;
const wake = (atMonoMs: number | undefined) => ({ kind: 'wake', atMonoMs }) as const;

describe('a start', () => {
  test('opens, loads, and only then lets readers believe: for ever where nobody else writes', () => {
    const ledger = new Driven();
    expect(ledger.on({ kind: 'started', validUntilS: 0, exclusive: false })).toEqual([OPEN, wake(undefined)]);
    expect(ledger.on({ kind: 'store_opened', exclusive: true })).toEqual([LOAD, wake(undefined)]);
    expect(ledger.open).toBe(false);
    expect(ledger.on({ kind: 'loaded', began: START })).toEqual([
      ...[valid(VALID_FOREVER), tell('opened'), wake(Infinity)].slice(0, 2),
      wake(undefined),
    ]);
    expect(ledger.pass(1e10).on({ kind: 'woken' })).toEqual([wake(undefined)]);
  });

  test('counts what was loaded from when the load began, where others write too', () => {
    const ledger = new Driven();
    ledger.on({ kind: 'started', validUntilS: 0, exclusive: false });
    ledger.on({ kind: 'store_opened', exclusive: false });
    ledger.pass(2_000);
    const second = Math.floor((WALL_MS + 5_000) / 1_000);
    expect(ledger.on({ kind: 'loaded', began: START })).toEqual([valid(second), tell('opened'), wake(4_000)]);
  });

  test('that fails says so once, and is tried again with back-off, for ever', () => {
    const ledger = new Driven();
    ledger.on({ kind: 'started', validUntilS: 0, exclusive: false });
    expect(ledger.on({ kind: 'failed' })).toEqual([tell('closed'), wake(1_100)]);
    const waits = Array.from({ length: 8 }, () => {
      const due = ledger.state.dueMonoMs ?? 0;
      ledger.pass(due - ledger.monoMs);
      expect(ledger.on({ kind: 'woken' })).toContainEqual(OPEN);
      ledger.on({ kind: 'failed' });
      return (ledger.state.dueMonoMs ?? 0) - ledger.monoMs;
    });
    expect(waits).toEqual([200, 400, 800, 1_600, 2_000, 2_000, 2_000, 2_000]);
  });

  test('that was opened and could not be loaded is loaded again, not opened', () => {
    const ledger = new Driven();
    ledger.on({ kind: 'started', validUntilS: 0, exclusive: false });
    ledger.on({ kind: 'store_opened', exclusive: true });
    ledger.on({ kind: 'failed' });
    expect(ledger.pass(100).on({ kind: 'woken' })).toContainEqual(LOAD);
  });
});

describe('a start after a crash', () => {
  test('goes on with what was valid, until that would be too old', () => {
    const ledger = new Driven();
    const second = Math.floor(WALL_MS / 1_000) + 3;
    expect(ledger.on({ kind: 'started', validUntilS: second, exclusive: false })).toEqual([
      valid(second),
      tell('opened'),
      OPEN,
      wake(3_750),
    ]);
    expect(ledger.pass(2_749).on({ kind: 'woken' })).toEqual([wake(3_750)]);
    expect(ledger.pass(1).on({ kind: 'woken' })).toEqual([valid(0), tell('closed'), wake(undefined)]);
  });

  test.each([
    ['the clock was set back', Math.floor(WALL_MS / 1_000) + 3_600],
    ['it is for ever, and the store is not known to be exclusive', VALID_FOREVER],
  ])(
    'moves a word that lies further ahead than a look of now would, and the one that readers see: %s',
    (_why, word) => {
      const ledger = new Driven();
      const second = Math.floor((WALL_MS + 5_000) / 1_000);
      const effects = ledger.on({ kind: 'started', validUntilS: word, exclusive: false });
      expect(effects).toEqual([valid(second), tell('opened'), OPEN, wake(1_000 + 4_750)]);
      expect(ledger.pass(4_749).open).toBe(true);
      expect(ledger.pass(1).open).toBe(false);
      expect(ledger.on({ kind: 'woken' })).toContainEqual(valid(0));
    },
  );

  test('a chain of short incarnations keeps nothing open for longer than the first of them would have', () => {
    let word = Math.floor(WALL_MS / 1_000) + 3_600;
    const ledger = new Driven();
    for (let incarnation = 0; incarnation < 10; incarnation += 1) {
      ledger.state = initialFreshness;
      ledger.on({ kind: 'started', validUntilS: word, exclusive: false });
      word = ledger.state.validUntilS;
      ledger.pass(600);
    }
    expect(word).toBe(0);
  });

  test('goes on while all is loaded again, if nobody else writes', () => {
    const ledger = new Driven();
    ledger.on({ kind: 'started', validUntilS: VALID_FOREVER, exclusive: true });
    ledger.on({ kind: 'store_opened', exclusive: true });
    expect(ledger.pass(60_000).on({ kind: 'woken' })).toEqual([wake(undefined)]);
    expect(ledger.on({ kind: 'loaded', began: START })).toEqual([wake(undefined)]);
  });

  test('closes if the store that was its own can not be opened any more: somebody else may have it', () => {
    const ledger = new Driven();
    ledger.on({ kind: 'started', validUntilS: VALID_FOREVER, exclusive: true });
    ledger.on({ kind: 'failed' });
    expect(ledger.pass(4_999).open).toBe(true);
    expect(ledger.pass(1).on({ kind: 'woken' })).toContainEqual(valid(0));
  });
});

describe('following a store that others write to', () => {
  test('looks again four times before what it has seen is too old', () => {
    const ledger = new Driven().following();
    expect(pollEveryMs(POLICY)).toBe(1_000);
    expect(ledger.pass(999).on({ kind: 'woken' })).not.toContainEqual(LOOK);
    expect(ledger.pass(1).on({ kind: 'woken' })).toContainEqual(LOOK);
  });

  test('the shortest bound leaves room for looks as well', () => {
    expect(pollEveryMs({ maxStalenessMs: MIN_STALENESS_MS })).toBeGreaterThanOrEqual(250);
  });

  test('closes when no look was good for too long, says so once, and opens again by itself', () => {
    const ledger = new Driven().following();
    const closesAtMs = ledger.state.validUntilMonoMs;
    const told: string[] = [];
    const note = (effects: readonly FreshnessEffect[]): void => {
      for (const effect of effects) if (effect.kind === 'tell') told.push(`${effect.what} at ${ledger.monoMs}`);
    };
    for (let step = 0; step < 2_000; step += 1) {
      note(ledger.pass(10).on({ kind: 'woken' }));
      if (ledger.state.task) note(ledger.on({ kind: 'failed' }));
      // Whatever the actor says, readers see for themselves.
      expect(ledger.open).toBe(ledger.monoMs < closesAtMs);
    }
    expect(told).toEqual([`closed at ${closesAtMs}`]);
    ledger.pass((ledger.state.dueMonoMs ?? 0) - ledger.monoMs).on({ kind: 'woken' });
    note(ledger.on({ kind: 'looked', began: ledger.now }));
    expect(told.at(-1)).toBe(`opened at ${ledger.monoMs}`);
    expect(ledger.open).toBe(true);
  });

  test('closes also while a look does not come back', () => {
    const ledger = new Driven().following();
    ledger.pass(1_000).on({ kind: 'woken' });
    expect(ledger.state.task).toBe('look');
    const effects = ledger.pass(4_000).on({ kind: 'woken' });
    expect(effects).toEqual([valid(0), tell('closed'), wake(undefined)]);
  });

  test('looks at once when there is something new, and once more if that came during a look', () => {
    const ledger = new Driven().following();
    expect(ledger.pass(10).on({ kind: 'changed' })).toContainEqual(LOOK);
    expect(ledger.on({ kind: 'changed' })).not.toContainEqual(LOOK);
    expect(ledger.pass(10).on({ kind: 'looked', began: ledger.now })).toContainEqual(LOOK);
    expect(ledger.pass(10).on({ kind: 'looked', began: ledger.now })).not.toContainEqual(LOOK);
  });

  test('does not look before all is loaded, nor at a store that nobody else writes to', () => {
    const ledger = new Driven();
    ledger.on({ kind: 'started', validUntilS: 0, exclusive: false });
    ledger.on({ kind: 'failed' });
    expect(ledger.on({ kind: 'changed' })).toEqual([wake(1_100)]);
    const own = new Driven();
    own.on({ kind: 'started', validUntilS: 0, exclusive: false });
    own.on({ kind: 'store_opened', exclusive: true });
    own.on({ kind: 'loaded', began: START });
    expect(own.on({ kind: 'changed' })).toEqual([wake(undefined)]);
  });

  test('a look that failed is no reason to close: the last good one counts', () => {
    const ledger = new Driven().following();
    const before = ledger.state.validUntilS;
    ledger.pass(1_000).on({ kind: 'woken' });
    expect(ledger.on({ kind: 'failed' })).toEqual([wake(2_100)]);
    expect(ledger.state.validUntilS).toBe(before);
  });

  test('a wall clock that is set back takes the word along', () => {
    const ledger = new Driven().following();
    const lastsMs = ledger.state.validUntilMonoMs - ledger.monoMs;
    ledger.wallMs -= 3_600_000;
    ledger.on({ kind: 'clock_stepped' });
    expect(ledger.state.validUntilS).toBe(Math.floor((ledger.wallMs + lastsMs) / 1_000));
    expect(ledger.open).toBe(true);
    ledger.pass(lastsMs);
    expect(ledger.open).toBe(false);
  });

  test('one that is set forward may have been a suspend: nothing is believed before the store was looked at', () => {
    const ledger = new Driven().following();
    ledger.wallMs += 3_600_000;
    expect(ledger.open).toBe(false);
    expect(ledger.on({ kind: 'clock_stepped' })).toEqual([valid(0), tell('closed'), LOOK, wake(undefined)]);
    expect(ledger.on({ kind: 'looked', began: ledger.now })).toContainEqual(tell('opened'));
  });

  test('a look that was under way in a suspend has seen nothing of what came in it: another one follows', () => {
    const ledger = new Driven().following();
    ledger.pass(1_000).on({ kind: 'woken' });
    const began = ledger.now;
    ledger.wallMs += 3_600_000;
    ledger.on({ kind: 'clock_stepped' });
    expect(ledger.pass(10).on({ kind: 'looked', began })).toContainEqual(LOOK);
    expect(ledger.open).toBe(false);
    ledger.on({ kind: 'looked', began: ledger.now });
    expect(ledger.open).toBe(true);
  });
});

describe('a store that is locked, but can be lost', () => {
  const locked = (): Driven => {
    const ledger = new Driven();
    ledger.on({ kind: 'started', validUntilS: 0, exclusive: false });
    ledger.on({ kind: 'store_opened', exclusive: false, held: true });
    ledger.on({ kind: 'loaded', began: ledger.now, held: true });
    return ledger;
  };

  test('is looked at again and again, and not believed when nobody has', () => {
    const ledger = locked();
    expect(ledger.pass(1_000).on({ kind: 'woken' })).toContainEqual(LOOK);
    ledger.pass(4_000).on({ kind: 'woken' });
    expect(ledger.open).toBe(false);
  });

  test('is loaded again after a look that failed: somebody else may have had it', () => {
    const ledger = locked();
    ledger.pass(1_000).on({ kind: 'woken' });
    ledger.on({ kind: 'failed' });
    expect(ledger.pass(100).on({ kind: 'woken' })).toContainEqual(LOAD);
    // What was loaded before counts no longer than it would have.
    ledger.pass(3_900).on({ kind: 'woken' });
    expect(ledger.open).toBe(false);
    expect(ledger.on({ kind: 'loaded', began: ledger.now, held: true })).toContainEqual(tell('opened'));
    expect(ledger.pass(1_000).on({ kind: 'woken' })).toContainEqual(LOOK);
  });

  test('after a crash goes on to count for as long as it is loaded again, if it could be opened in time', () => {
    const ledger = new Driven();
    ledger.on({ kind: 'started', validUntilS: Math.floor(WALL_MS / 1_000) + 3, exclusive: false });
    ledger.pass(1_000).on({ kind: 'store_opened', exclusive: false, held: true });
    const opened = ledger.monoMs;
    // No more than its own wakes.
    for (let step = 0; step < 10; step += 1) {
      const [wakeMonoMs = 0] = ledger
        .on({ kind: 'woken' })
        .flatMap((effect) => (effect.kind === 'wake' ? [effect.atMonoMs] : []));
      ledger.pass(Math.max(0, wakeMonoMs - ledger.monoMs));
      expect(ledger.open).toBe(true);
    }
    expect(ledger.monoMs - opened).toBeGreaterThan(2 * POLICY.maxStalenessMs);
    ledger.on({ kind: 'failed' });
    ledger.pass(5_000).on({ kind: 'woken' });
    expect(ledger.open).toBe(false);
  });
});
