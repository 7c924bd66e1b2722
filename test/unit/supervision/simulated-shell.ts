/**
 * A shell without threads: it carries out the supervisor's effects on paper, under a clock that only a test moves, and
 * checks after each step what must hold at every step.
 */
import { expect } from 'vitest';
import {
  initialSupervisorState,
  supervise,
  whichChildren,
  type ChildSummary,
  type SupervisorState,
} from '../../../src/supervision/core/supervisor-core.js';
import type { ExitReason, SupervisorReport } from '../../../src/supervision/core/terms.js';
import type {
  ChildRules,
  CommandOutcome,
  PersistedChild,
  SupervisionNotice,
  SupervisorCommand,
  SupervisorEffect,
  SupervisorEvent,
  SupervisorRules,
} from '../../../src/supervision/core/types.js';

export const rulesOf = (name: string, rules: Partial<ChildRules> = {}): ChildRules => ({
  name,
  restart: 'permanent',
  shutdown: 5_000,
  maxRestarts: 3,
  maxSeconds: 5,
  hangTimeoutMs: 10_000,
  initTimeoutMs: 30_000,
  fenceable: true,
  onExit: 'keep',
  ...rules,
});

export const supervisorRules = (rules: Partial<SupervisorRules> = {}): SupervisorRules => ({
  escalation: 'child',
  maxRestarts: 3,
  maxSeconds: 5,
  startConcurrency: 2,
  zombieAfterMs: 10_000,
  parkMs: 60_000,
  parkMaxMs: 600_000,
  ...rules,
});

export const crash: ExitReason = { kind: 'crash', error: { name: 'Error', message: 'boom' } };
export const normal: ExitReason = { kind: 'normal' };
export const shutdown: ExitReason = { kind: 'shutdown' };
export const killed: ExitReason = { kind: 'killed' };

export interface SimulatedThread {
  readonly name: string;
  readonly incarnation: number;
  readonly fenceable: boolean;
  killed?: 'killed' | 'hung';
  asked?: true;
}

/** A zombie in the eyes of the shell: killed, and the supervisor has said so. */
type Notices = SupervisionNotice['type'];

export class SimulatedShell {
  state: SupervisorState;
  monoMs = 100_000;
  /** What of it the supervisor's thread did not run. */
  notLivedMs = 0;
  /** How far the wall clock is ahead of that. */
  offsetMs = 1e12;
  readonly effects: SupervisorEffect[] = [];
  /** When each of `effects` came. */
  readonly effectTimesMs: number[] = [];
  readonly threads = new Map<string, SimulatedThread>();
  readonly replies = new Map<number, CommandOutcome>();
  readonly persisted = new Map<string, PersistedChild>();
  readonly rules = new Map<string, ChildRules>();
  readonly zombies = new Set<string>();
  wakeAtMs: number | undefined;
  ended: string | undefined;
  #requests = 0;

  constructor(rules: Partial<SupervisorRules> = {}) {
    this.state = initialSupervisorState(supervisorRules(rules));
  }

  /** One event; returns its effects, carried out. */
  send(event: SupervisorEvent): readonly SupervisorEffect[] {
    const before = JSON.stringify([...this.state.children]);
    const old = this.state;
    const { state, effects } = supervise(old, event, {
      wallMs: this.offsetMs + this.monoMs,
      monoMs: this.monoMs,
      notLivedMs: this.notLivedMs,
    });
    expect(JSON.stringify([...old.children]), 'the old state is left alone').toBe(before);
    this.state = state;
    for (const effect of effects) this.#carryOut(effect);
    this.#checkPersisted();
    return effects;
  }

  #carryOut(effect: SupervisorEffect): void {
    this.effects.push(effect);
    this.effectTimesMs.push(this.monoMs);
    switch (effect.kind) {
      case 'spawn':
        return this.#spawn(effect);
      case 'shut_down':
        return void (this.thread(effect.name, effect.incarnation).asked = true);
      case 'kill': {
        const thread = this.threads.get(`${effect.name}#${effect.incarnation}`);
        if (thread) thread.killed = effect.reason;
        return;
      }
      case 'persist':
        return void this.persisted.set(effect.name, effect.persisted);
      case 'forget':
        this.persisted.delete(effect.name);
        return;
      case 'reply':
        expect(this.replies.has(effect.request), `request ${effect.request} is answered once`).toBe(false);
        return void this.replies.set(effect.request, effect.outcome);
      case 'wake':
        this.wakeAtMs = effect.atMonoMs;
        return;
      case 'notice':
        if (effect.notice.type === 'child:zombie')
          this.zombies.add(`${effect.notice.name}#${effect.notice.incarnation}`);
        return;
      case 'end':
        expect(this.ended, 'it ends once').toBeUndefined();
        this.ended = effect.reason;
        return;
      case 'withdraw':
      case 'report':
    }
  }

  #spawn({ name, incarnation, beside }: Extract<SupervisorEffect, { kind: 'spawn' }>): void {
    const others = this.threadsOf(name);
    const { fenceable } = this.state.children.get(name)?.rules ?? this.rules.get(name) ?? { fenceable: false };
    expect(this.ended, 'nothing starts after the end').toBeUndefined();
    expect(others.length, `at most one other thread of ${name}`).toBeLessThan(2);
    if (others[0]) {
      expect(fenceable, `${name} starts beside another only if that can be fenced`).toBe(true);
      expect(this.zombies.has(`${name}#${others[0].incarnation}`), 'the other is a zombie').toBe(true);
    }
    expect(beside).toBe(others[0]?.incarnation);
    expect(this.persisted.get(name), 'persisted before the spawn').toMatchObject({ phase: 'starting', incarnation });
    expect(this.threads.has(`${name}#${incarnation}`)).toBe(false);
    this.threads.set(`${name}#${incarnation}`, { name, incarnation, fenceable });
  }

  /** What outlives the supervisor is what the supervisor holds. */
  #checkPersisted(): void {
    const held = [...this.state.children.values()].map((child) => [child.rules.name, child.persisted]);
    expect(Object.fromEntries(this.persisted)).toEqual(Object.fromEntries(held));
  }

  // What a test says

  start(...children: readonly ChildRules[]): number {
    const request = ++this.#requests;
    this.send({ kind: 'start', request, children });
    return request;
  }

  /** Starts, and lets all come up. */
  up(...children: readonly ChildRules[]): void {
    const request = this.start(...children);
    while (!this.replies.has(request)) for (const thread of this.starting()) this.started(thread.name);
    expect(this.replies.get(request)).toEqual({ ok: true });
  }

  command(command: SupervisorCommand): number {
    const request = ++this.#requests;
    if (command.kind === 'start_child') this.rules.set(command.rules.name, command.rules);
    this.send({ kind: 'command', request, command });
    return request;
  }

  started(name: string, incarnation = this.latest(name)): readonly SupervisorEffect[] {
    return this.send({ kind: 'started', name, incarnation });
  }

  /** The whole of a start that fails. */
  startFails(name: string, { incarnation = this.latest(name), timedOut = false } = {}): readonly SupervisorEffect[] {
    const error = { name: 'Error', message: 'no init' };
    const effects = this.send({ kind: 'start_failed', name, incarnation, error, timedOut });
    return [...effects, ...this.exits(name, killed, incarnation)];
  }

  exits(name: string, reason: ExitReason, incarnation = this.latest(name)): readonly SupervisorEffect[] {
    this.threads.delete(`${name}#${incarnation}`);
    return this.send({ kind: 'exited', name, incarnation, reason });
  }

  hangs(name: string, incarnation = this.latest(name)): readonly SupervisorEffect[] {
    return this.send({ kind: 'hung', name, incarnation });
  }

  /** Moves the clock, waking the supervisor whenever it asked for it. */
  passes(ms: number): void {
    const untilMs = this.monoMs + ms;
    let wakesAtOneTime = 0;
    while (this.wakeAtMs !== undefined && this.wakeAtMs <= untilMs) {
      wakesAtOneTime = this.wakeAtMs > this.monoMs ? 0 : wakesAtOneTime + 1;
      expect(wakesAtOneTime, 'a wake makes progress').toBeLessThan(3);
      this.monoMs = Math.max(this.monoMs, this.wakeAtMs);
      this.send({ kind: 'woken' });
    }
    this.monoMs = untilMs;
  }

  /** The thread stands still for so long: its wake, if it is overdue then, comes at once. */
  standsStill(ms: number): void {
    this.monoMs += ms;
    this.notLivedMs += ms;
    this.passes(0);
  }

  /** Another supervisor thread takes over: no thread of the old one lives. `served`: until when readers can go on. */
  adopted(served: Readonly<Record<string, number>> = {}): SimulatedShell {
    const next = new SimulatedShell(this.state.rules);
    next.monoMs = this.monoMs;
    const children = [...this.state.children.values()].map(({ rules }) => ({
      rules,
      persisted: structuredClone(this.persisted.get(rules.name))!,
      ...(served[rules.name] !== undefined && { servedUntilMs: served[rules.name]! }),
    }));
    for (const { rules, persisted } of children) next.persisted.set(rules.name, persisted);
    next.send({ kind: 'adopt', children });
    return next;
  }

  // What a test asks

  thread(name: string, incarnation: number): SimulatedThread {
    const thread = this.threads.get(`${name}#${incarnation}`);
    if (!thread) throw new Error(`no thread ${name}#${incarnation}`);
    return thread;
  }

  threadsOf(name: string): readonly SimulatedThread[] {
    return [...this.threads.values()].filter((thread) => thread.name === name);
  }

  latest(name: string): number {
    return Math.max(0, ...this.threadsOf(name).map((thread) => thread.incarnation));
  }

  starting(): readonly SimulatedThread[] {
    return [...this.threads.values()].filter(
      ({ name, incarnation }) => this.phase(name) === 'starting' && this.child(name)?.incarnation === incarnation,
    );
  }

  child(name: string): ChildSummary | undefined {
    return whichChildren(this.state).find((child) => child.name === name);
  }

  phase(name: string): string | undefined {
    return this.child(name)?.phase;
  }

  outcome(request: number): string | undefined {
    const outcome = this.replies.get(request);
    if (!outcome) return undefined;
    return outcome.ok ? 'ok' : outcome.error.code;
  }

  notices(type?: Notices): readonly SupervisionNotice[] {
    return this.effects
      .flatMap((effect) => (effect.kind === 'notice' ? [effect.notice] : []))
      .filter((notice) => type === undefined || notice.type === type);
  }

  reports(): readonly SupervisorReport[] {
    return this.effects.flatMap((effect) => (effect.kind === 'report' ? [effect.report] : []));
  }

  /** `kind name#incarnation` of the effects of these kinds, in order. */
  log(...kinds: readonly SupervisorEffect['kind'][]): readonly string[] {
    return this.effects.flatMap((effect) => {
      if (!kinds.includes(effect.kind) || !('name' in effect)) return [];
      return [`${effect.kind} ${effect.name}${'incarnation' in effect ? `#${effect.incarnation}` : ''}`];
    });
  }
}
