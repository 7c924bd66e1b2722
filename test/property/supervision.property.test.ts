/**
 * Random schedules of deaths, hangs, commands, late events and dead supervisors. The simulated shell checks at every
 * step: no thread beside another but a fenced zombie, never a third; all that outlives the supervisor written before it
 * is acted on; one answer at most to each command; wakes that make progress.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  addChildRestart,
  addSharedRestart,
  type RestartVerdict,
} from '../../src/supervision/core/restart-intensity.js';
import type { ChildRules, SupervisorCommand, SupervisorRules } from '../../src/supervision/core/types.js';
import { crash, killed, normal, rulesOf, shutdown, SimulatedShell } from '../unit/supervision/simulated-shell.js';

const names = ['a', 'b', 'c', 'd'] as const;
const anyName = fc.constantFrom(...names);

const anyRules = (name: string): fc.Arbitrary<ChildRules> =>
  fc
    .record({
      restart: fc.constantFrom('permanent', 'transient', 'temporary'),
      shutdown: fc.constantFrom('brutal', 0, 300, 5_000),
      maxRestarts: fc.integer({ min: 0, max: 4 }),
      maxSeconds: fc.integer({ min: 1, max: 6 }),
      fenceable: fc.boolean(),
      onExit: fc.constantFrom('keep', 'withdraw'),
    })
    .map((rules) => rulesOf(name, rules as Partial<ChildRules>));

/** One thing that happens. `pick` chooses among the threads or requests that there are then. */
type Step =
  | { readonly do: 'pass'; readonly ms: number }
  | { readonly do: 'start' | 'fail' | 'fail_and_stay' | 'hang' | 'obey' | 'late'; readonly pick: number }
  | { readonly do: 'die'; readonly pick: number; readonly reason: typeof crash }
  | { readonly do: 'command'; readonly command: SupervisorCommand }
  | { readonly do: 'supervisor_dies' };

const pick = fc.nat({ max: 99 });
const anyStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.integer({ min: 0, max: 12_000 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.integer({ min: 0, max: 700_000 }) }) },
  { weight: 8, arbitrary: fc.record({ do: fc.constant('start' as const), pick }) },
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constantFrom('fail', 'fail_and_stay', 'hang', 'obey', 'obey', 'late'), pick }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('die' as const),
      pick,
      reason: fc.constantFrom(crash, crash, crash, killed, normal, shutdown),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('command' as const),
      command: fc.oneof(
        anyName.chain(anyRules).map((rules) => ({ kind: 'start_child', rules }) as const),
        fc.record({
          kind: fc.constantFrom('terminate_child', 'restart_child', 'delete_child', 'resume_child'),
          name: anyName,
        }),
      ),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ do: 'supervisor_dies' as const }) },
  { weight: 1, arbitrary: fc.constant({ do: 'command' as const, command: { kind: 'close' as const } }) },
);

const oneOf = <Item>(items: readonly Item[], nth: number): Item | undefined => items[nth % Math.max(1, items.length)];

/** A world of threads that does as the steps say, and the supervisor's side of it. */
const play = (shell: SimulatedShell, step: Step): SimulatedShell => {
  const threads = [...shell.threads.values()];
  switch (step.do) {
    case 'pass':
      shell.passes(step.ms);
      break;
    case 'start': {
      const thread = oneOf(shell.starting(), step.pick);
      if (thread) shell.started(thread.name, thread.incarnation);
      break;
    }
    case 'fail': {
      const thread = oneOf(shell.starting(), step.pick);
      if (thread) shell.startFails(thread.name, thread);
      break;
    }
    case 'fail_and_stay': {
      const thread = oneOf(shell.starting(), step.pick);
      const error = { name: 'Error', message: 'no init' };
      if (thread) shell.send({ kind: 'start_failed', ...thread, error });
      break;
    }
    case 'hang': {
      const thread = oneOf(threads, step.pick);
      if (thread) shell.hangs(thread.name, thread.incarnation);
      break;
    }
    case 'obey': {
      const thread = oneOf(
        threads.filter(({ asked, killed: by }) => asked ?? by),
        step.pick,
      );
      if (thread) shell.exits(thread.name, thread.killed ? { kind: thread.killed } : shutdown, thread.incarnation);
      break;
    }
    case 'late': {
      const name = oneOf(names, step.pick) ?? 'a';
      const incarnation = (shell.child(name)?.incarnation ?? 1) - 1;
      if (shell.threads.has(`${name}#${incarnation}`)) break;
      const before = shell.effects.length;
      shell.started(name, incarnation);
      shell.hangs(name, incarnation);
      shell.send({ kind: 'start_failed', name, incarnation, error: { name: 'Error', message: 'late' } });
      shell.send({ kind: 'exited', name, incarnation, reason: crash });
      expect(shell.effects.slice(before), 'a late event changes nothing').toEqual([]);
      break;
    }
    case 'die': {
      const thread = oneOf(threads, step.pick);
      if (thread) shell.exits(thread.name, step.reason, thread.incarnation);
      break;
    }
    case 'command':
      shell.command(step.command);
      break;
    case 'supervisor_dies': {
      if (shell.state.stage !== 'open') break;
      const next = shell.adopted();
      for (const name of names) {
        const { phase, dueMonoMs } = shell.child(name) ?? {};
        if (phase === 'parked') expect(next.child(name)).toMatchObject({ phase, dueMonoMs });
        if (phase === 'stopped') expect(next.phase(name)).toBe('stopped');
      }
      return next;
    }
  }
  return shell;
};

/** Restart decisions since the count was last cleared are never more than the intensity, in any period. */
const checkIntensity = (shell: SimulatedShell, timed: readonly TimedRestart[], rules: SupervisorRules): void => {
  if (rules.escalation === 'supervisor') {
    const seconds = timed.map(({ atMs }) => Math.floor(atMs / 1_000));
    for (const second of seconds) {
      const within = seconds.filter((other) => other >= second - rules.maxSeconds && other <= second);
      expect(within.length).toBeLessThanOrEqual(rules.maxRestarts);
    }
    return;
  }
  for (const { name, atMs } of timed) {
    const child = shell.state.children.get(name);
    if (!child) continue;
    const { maxRestarts, maxSeconds } = child.rules;
    const mine = timed.filter((other) => other.name === name);
    const within = mine.filter((other) => other.atMs >= atMs - maxSeconds * 1_000 && other.atMs <= atMs);
    expect(within.length, `restarts of ${name}`).toBeLessThanOrEqual(maxRestarts);
  }
};

interface TimedRestart {
  readonly name: string;
  readonly atMs: number;
}

/** Takes down the restarts of one step; a start that a person asked for clears the child's count. */
const takeDown = (timed: readonly TimedRestart[], shell: SimulatedShell, from: number): readonly TimedRestart[] => {
  let list = timed;
  for (const [index, effect] of shell.effects.entries()) {
    if (index < from) continue;
    const cleared =
      effect.kind === 'forget'
        ? effect.name
        : effect.kind === 'persist' && effect.persisted.restartTimesMs.length === 0
          ? effect.name
          : undefined;
    if (cleared !== undefined && shell.state.rules.escalation === 'child') {
      list = list.filter(({ name }) => name !== cleared);
    }
    if (effect.kind !== 'notice' || effect.notice.type !== 'child:restarting') continue;
    list = [...list, { name: effect.notice.name, atMs: shell.effectTimesMs[index]! }];
  }
  return list;
};

/** From here on all goes well: threads start when they start, and end when they are told to. */
const calmDown = (shell: SimulatedShell): void => {
  for (let round = 0; round < 200; round++) {
    const told = [...shell.threads.values()].find(({ asked, killed: by }) => asked ?? by);
    const [starting] = shell.starting();
    if (told) shell.exits(told.name, told.killed ? { kind: told.killed } : shutdown, told.incarnation);
    else if (starting) shell.started(starting.name, starting.incarnation);
    else if (shell.wakeAtMs !== undefined) shell.passes(Math.max(0, shell.wakeAtMs - shell.monoMs));
    else return;
  }
  throw new Error('it does not come to rest');
};

const scenario = fc.record({
  rules: fc.record({
    escalation: fc.constantFrom('child', 'child', 'supervisor'),
    maxRestarts: fc.integer({ min: 0, max: 6 }),
    maxSeconds: fc.integer({ min: 1, max: 6 }),
    startConcurrency: fc.integer({ min: 1, max: 3 }),
  }),
  children: fc.subarray([...names]).chain((some) => fc.tuple(...some.map(anyRules))),
  steps: fc.array(anyStep, { maxLength: 60 }),
}) as fc.Arbitrary<{
  rules: SupervisorRules;
  children: ChildRules[];
  steps: Step[];
}>;

describe('whatever happens', () => {
  it('the promises of every step hold, restarts stay within their intensity, and all comes to rest', () => {
    fc.assert(
      fc.property(scenario, ({ rules, children, steps }) => {
        let shell = new SimulatedShell(rules);
        let timed: readonly TimedRestart[] = [];
        let from = 0;
        shell.start(...children);
        for (const step of steps) {
          const next = play(shell, step);
          if (next !== shell) {
            from = 0;
            // OTP's own count dies with the supervisor; ours is kept, but for children that were deleted meanwhile.
            if (rules.escalation === 'supervisor') timed = [];
          }
          shell = next;
          timed = takeDown(timed, shell, from);
          from = shell.effects.length;
          checkIntensity(shell, timed, shell.state.rules);
        }
        calmDown(shell);
        for (const child of shell.state.children.values()) {
          expect(['running', 'stopped'], child.rules.name).toContain(child.persisted.phase);
        }
        expect(shell.state.inbox).toEqual([]);
        expect(shell.state.zombies).toEqual([]);
        const requests = shell.command({ kind: 'close' });
        calmDown(shell);
        expect(shell.ended).toBeDefined();
        expect([...shell.replies.keys()].toSorted((a, b) => a - b)).toEqual(
          Array.from({ length: requests }, (_, index) => index + 1),
        );
      }),
      { numRuns: 1_000 },
    );
  }, 60_000);

  it('close ends within its bound, even if no thread ends any more', () => {
    fc.assert(
      fc.property(scenario, ({ rules, children, steps }) => {
        const shell = new SimulatedShell({ ...rules, escalation: 'child' });
        shell.start(...children);
        for (const step of steps) if (step.do !== 'supervisor_dies') play(shell, step);
        const boundMs = [...shell.state.children.values()]
          .filter((child) => child.thread)
          .map((child) => (typeof child.rules.shutdown === 'number' ? child.rules.shutdown : 0))
          .reduce((sum, ms) => sum + ms + 10_000, 0);
        const close = shell.command({ kind: 'close' });
        shell.passes(boundMs);
        expect(shell.outcome(close)).toBe('ok');
        expect(shell.ended).toBeDefined();
        for (const request of Array.from({ length: close }, (_, index) => index + 1)) {
          expect(shell.replies.has(request), `request ${request}`).toBe(true);
        }
      }),
      { numRuns: 500 },
    );
  }, 60_000);

  it('a parked child is tried again when its time has come, in the next supervisor too', () => {
    fc.assert(
      fc.property(scenario, fc.boolean(), ({ rules, children, steps }, dies) => {
        let shell = new SimulatedShell({ ...rules, escalation: 'child' });
        shell.start(...children);
        for (const step of steps) shell = play(shell, step);
        if (dies && shell.state.stage === 'open') shell = shell.adopted();
        const isEnding = (): boolean => shell.state.ending !== undefined;
        const parked = [...shell.state.children.values()].filter(({ persisted }) => persisted.phase === 'parked');
        for (const { rules: child, persisted } of parked) {
          shell.passes(Math.max(0, persisted.dueMonoMs! - shell.monoMs));
          // A first start that fails meanwhile ends all.
          if (isEnding()) return;
          expect(shell.phase(child.name)).not.toBe('parked');
          // Before it may be the boots of all the others, each of which holds its place for 5 s at most.
          shell.passes(5_000 * children.length);
          if (isEnding()) return;
          expect(shell.child(child.name)!.incarnation).toBe(persisted.incarnation + 1);
        }
      }),
      { numRuns: 500 },
    );
  }, 60_000);
});

describe('intensity, against a list that forgets nothing', () => {
  const gaps = fc.array(fc.integer({ min: 0, max: 4_000 }), { maxLength: 60 });
  const intensity = fc.record({
    maxRestarts: fc.integer({ min: 0, max: 5 }),
    maxSeconds: fc.integer({ min: 1, max: 6 }),
  });

  const compare = (
    add: (
      times: readonly number[],
      nowMs: number,
      limits: { maxRestarts: number; maxSeconds: number },
    ) => RestartVerdict,
    unitMs: number,
    waits: readonly number[],
    limits: { maxRestarts: number; maxSeconds: number },
  ): void => {
    const period = (limits.maxSeconds * 1_000) / unitMs;
    const all: number[] = [];
    let times: readonly number[] = [];
    let nowMs = 123_456;
    for (const waitMs of waits) {
      nowMs += waitMs;
      const now = Math.floor(nowMs / unitMs);
      const expected = all.filter((time) => time + period >= now).length + 1 <= limits.maxRestarts;
      const verdict = add(times, nowMs, limits);
      expect(verdict.allowed).toBe(expected);
      times = verdict.times;
      if (verdict.allowed) all.push(now);
    }
  };

  it('shared, in whole seconds', () => {
    fc.assert(fc.property(gaps, intensity, (waits, limits) => compare(addSharedRestart, 1_000, waits, limits)));
  });

  it('per child, in milliseconds', () => {
    fc.assert(fc.property(gaps, intensity, (waits, limits) => compare(addChildRestart, 1, waits, limits)));
  });
});
