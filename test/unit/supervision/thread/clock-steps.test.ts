/**
 * Steps of the wall clock, as the supervisor sees them: what readers compare with that clock is taken back where no actor
 * corrects it, and left alone where one does.
 */
import { describe, expect, test } from 'vitest';
import { allocateChildMemory, openWords } from '../../../../src/memory/child-memory.js';
import { Header, SNAPSHOT } from '../../../../src/memory/layout.js';
import { readRecord, RecordWriter, takeLease } from '../../../../src/memory/record.js';
import { isValid, VALID_FOREVER } from '../../../../src/memory/valid-until.js';
import { ChildShell, type ChildPlan, type Launch } from '../../../../src/supervision/thread/child-shell.js';
import type { IncarnationListener } from '../../../../src/supervision/thread/worker-incarnation.js';
import { newPersistedChild } from '../../../../src/supervision/core/supervisor-state.js';
import type { ChildPhase } from '../../../../src/supervision/core/types.js';
import { crash, rulesOf, SimulatedShell } from '../simulated-shell.js';

const HOUR_MS = 3_600_000;
const TICK_MS = 100;
const WORD = 5;
const VALID = Header.OWN + WORD;

/** A child as its shell has it: its threads are on paper, the clock is moved by the test. */
const child = ({ offsetMs = 1.6e12 } = {}) => {
  const memory = allocateChildMemory();
  const words = openWords(memory.shared);
  const plan = {
    rules: rulesOf('a'),
    memory,
    validUntilWord: WORD,
    mailboxLimit: 10,
  } as ChildPlan;
  let listener: IncarnationListener | undefined;
  const launch: Launch = ({ start: { leases } }, heard) => {
    listener = heard;
    return { leases } as ReturnType<Launch>;
  };
  let shell = new ChildShell(plan, '', launch, offsetMs);
  let incarnation = 0;
  let nowMs = 1.7e12;
  const phase = (now: ChildPhase): void => shell.persist({ ...newPersistedChild, incarnation, phase: now });
  const look = (): void => shell.followClock(offsetMs, TICK_MS);
  const noop = (): void => undefined;
  return {
    words,
    look,
    phase,
    step: (byMs: number): void => {
      nowMs += byMs;
      offsetMs += byMs;
      look();
    },
    /** An actor starts, and is ready. */
    up: (): void => {
      incarnation += 1;
      phase('starting');
      shell.spawn(incarnation, { ready: noop, startFailed: noop, exited: noop, event: noop });
      listener?.ready({ port: { close: noop, unref: noop, on: noop } } as never);
      phase('running');
      look();
    },
    /** Its thread ends. */
    ends: (next: ChildPhase): void => {
      listener?.exited({ kind: 'killed' });
      phase(next);
      look();
    },
    /** So much time passes, with a heart that beats or does not. */
    passes: (ms: number, beats = true): void => {
      for (let passed = 0; passed < ms; passed += TICK_MS) {
        if (beats) words.add(Header.HEARTBEAT, 1);
        look();
      }
    },
    publish: (untilMs: number): void => {
      const lease = takeLease(words, SNAPSHOT, 1, []);
      const instants = { generation: 1, issuedAtMs: nowMs, expiresAtMs: untilMs, usableUntilMs: untilMs };
      new RecordWriter(words, SNAPSHOT, lease).publish(instants, new Uint8Array(4));
    },
    believe: (second: number): void => words.store(VALID, second | 0),
    /** The supervisor thread is replaced: nothing of it is left but the child's memory. */
    replaceSupervisor: (): void => {
      shell = new ChildShell(plan, '', launch, offsetMs);
    },
    get nowMs(): number {
      return nowMs;
    },
    get hasToken(): boolean {
      return readRecord(words, SNAPSHOT).payload !== undefined;
    },
    get isOpen(): boolean {
      return isValid(words.load(VALID) >>> 0, nowMs);
    },
  };
};

/** One with an actor, a token and a word that both end in a few seconds. */
const served = (): ReturnType<typeof child> => {
  const made = child();
  made.up();
  made.publish(made.nowMs + 5_000);
  made.believe(Math.floor(made.nowMs / 1_000) + 5);
  return made;
};

describe.each([
  ['back', -HOUR_MS],
  ['forth', HOUR_MS],
])('the wall clock is set %s by an hour', (_way, byMs) => {
  test.each(['parked', 'restarting', 'stopping', 'zombie', 'stopped'] as const)(
    'while it is %s: taken back',
    (phase) => {
      const a = served();
      a.ends(phase);
      expect([a.hasToken, a.isOpen]).toEqual([true, true]);
      a.step(byMs);
      expect(a.hasToken).toBe(false);
      expect(a.words.load(VALID)).toBe(0);
    },
  );

  test('and corrected: what was taken back stays so', () => {
    const a = served();
    a.ends('parked');
    a.step(byMs);
    a.step(-byMs);
    expect([a.hasToken, a.isOpen]).toEqual([false, false]);
  });

  test('while an actor runs: that corrects it itself', () => {
    const a = served();
    a.step(byMs);
    expect(a.hasToken).toBe(true);
    expect(a.words.load(VALID)).not.toBe(0);
  });

  test('right before the actor ends, which is not started again: taken back, as it has not seen it', () => {
    const a = served();
    a.step(byMs);
    a.passes(900);
    a.ends('parked');
    expect([a.hasToken, a.words.load(VALID)]).toEqual([false, 0]);
  });

  test('while an actor hangs, which is not started again: taken back', () => {
    const a = served();
    a.step(byMs);
    a.passes(60_000, false);
    a.ends('parked');
    expect([a.hasToken, a.words.load(VALID)]).toEqual([false, 0]);
  });

  test('regression: the first heartbeat after a hang counted as if the actor had followed', () => {
    const a = served();
    a.step(byMs);
    a.passes(6_000, false);
    a.passes(100);
    a.ends('parked');
    expect([a.hasToken, a.words.load(VALID)]).toEqual([false, 0]);
  });

  test('in a chain of short lives, each started at once: taken back when there is no next one', () => {
    const a = served();
    a.step(byMs);
    for (let life = 0; life < 3; life += 1) {
      a.passes(3_000);
      a.ends('starting');
      a.up();
    }
    expect(a.hasToken).toBe(true);
    a.ends('parked');
    expect([a.hasToken, a.words.load(VALID)]).toEqual([false, 0]);
  });

  test('long before the actor ends: that has corrected it, and nothing is taken back', () => {
    const a = served();
    a.step(byMs);
    a.passes(1_000);
    a.believe(Math.floor(a.nowMs / 1_000) + 4);
    a.passes(5_000);
    a.ends('parked');
    a.passes(6_000, false);
    expect(a.hasToken).toBe(true);
    expect(a.words.load(VALID)).not.toBe(0);
  });

  test('while no supervisor thread lives, and the child is parked: taken back by the next one', () => {
    const a = served();
    a.ends('parked');
    a.replaceSupervisor();
    a.step(byMs);
    expect([a.hasToken, a.words.load(VALID)]).toEqual([false, 0]);
  });

  test('what is for ever is compared with no clock, and stays', () => {
    const a = child();
    a.up();
    a.publish(Infinity);
    a.believe(VALID_FOREVER);
    a.ends('parked');
    a.step(byMs);
    expect([a.hasToken, a.isOpen]).toEqual([true, true]);
  });
});

describe('a ledger was answered from, out of date, for as long as its actor took to see that the clock was set back', () => {
  test('it starts: its word is closed after 2 s, and what it opens then stays open', () => {
    const a = served();
    a.ends('starting');
    a.step(-HOUR_MS);
    a.passes(1_800, false);
    expect(a.isOpen).toBe(true);
    a.passes(200, false);
    expect([a.isOpen, a.hasToken]).toEqual([false, true]);
    a.believe(Math.floor(a.nowMs / 1_000) + 5);
    a.passes(60_000, false);
    expect(a.isOpen).toBe(true);
  });

  test('its event loop hangs: the same', () => {
    const a = served();
    a.step(-HOUR_MS);
    a.passes(2_100, false);
    expect([a.isOpen, a.hasToken]).toEqual([false, true]);
  });

  test('one that moves its word in time is left alone; the next step counts by itself', () => {
    const a = served();
    for (let step = 0; step < 2; step += 1) {
      a.step(-HOUR_MS);
      a.passes(1_000);
      a.believe(Math.floor(a.nowMs / 1_000) + 4);
      a.passes(3_000);
      expect(a.isOpen).toBe(true);
    }
    a.step(-HOUR_MS);
    a.passes(2_100, false);
    expect(a.isOpen).toBe(false);
  });

  test('a step forward closes it by itself, and it is left alone', () => {
    const a = served();
    a.step(2_500);
    a.passes(60_000, false);
    expect(a.words.load(VALID)).not.toBe(0);
  });
});

test.each([
  ['regression: a short suspend hid a step back', [1_009, -2_998]],
  ['several small steps add up', [-900, -900, -900]],
])('%s', (_name, steps) => {
  const a = served();
  a.ends('parked');
  for (const byMs of steps) a.step(byMs);
  expect([a.hasToken, a.words.load(VALID)]).toEqual([false, 0]);
});

test('regression: a step before the first look at the clock was not seen', () => {
  const a = child();
  a.publish(a.nowMs + 5_000);
  a.phase('parked');
  a.step(-HOUR_MS);
  expect(a.hasToken).toBe(false);
});

test('regression: no step was seen where the clock was ahead by nothing, as on a machine without a clock of its own', () => {
  const a = child({ offsetMs: 0 });
  a.up();
  a.publish(a.nowMs + 5_000);
  a.ends('parked');
  a.step(-HOUR_MS);
  expect(a.hasToken).toBe(false);
});

test('what a thread stores that was killed and lives on is taken back as well', () => {
  const a = served();
  a.phase('zombie');
  a.step(-HOUR_MS);
  a.believe(Math.floor(a.nowMs / 1_000) + 3_600);
  a.look();
  expect(a.words.load(VALID)).toBe(0);
});

test('what is less than a step is none', () => {
  const a = served();
  a.ends('parked');
  a.step(900);
  expect(a.hasToken).toBe(true);
  expect(a.words.load(VALID)).not.toBe(0);
});

test.each([-HOUR_MS, HOUR_MS])('what is due is due by the monotonic clock: the wall clock is set by %s ms', (byMs) => {
  const shell = new SimulatedShell();
  shell.up(rulesOf('a', { maxRestarts: 0 }));
  shell.exits('a', crash);
  expect(shell.phase('a')).toBe('parked');
  shell.offsetMs += byMs;
  shell.passes(59_999);
  expect(shell.phase('a')).toBe('parked');
  shell.passes(1);
  expect(shell.phase('a')).toBe('starting');
});
