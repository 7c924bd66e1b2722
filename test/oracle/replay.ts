/**
 * Plays a recorded schedule to our supervisor core. Its threads are on paper, and do what the schedule says.
 */
import { isDeepStrictEqual } from 'node:util';
import { countChildren, whichChildren } from '../../src/supervision/core/supervisor-core.js';
import type { ExitReason } from '../../src/supervision/core/terms.js';
import type { ChildRules, SupervisorEffect } from '../../src/supervision/core/types.js';
import { crash, killed, normal, rulesOf, shutdown, SimulatedShell } from '../unit/supervision/simulated-shell.js';
import {
  happenedOf,
  succeeds,
  type Batch,
  type Happened,
  type Message,
  type Schedule,
  type Spec,
} from './schedules.js';
import { answerInWords, reportInWords } from './told.js';

/**
 * A child that is being started while the messages of a batch gather, and then is not there: the supervisor is blocked
 * meanwhile, as OTP's is while it is suspended.
 */
export const GATE = 'gate';

/** In which second the start is. */
const FIRST_SECOND = 100;

/** Where in their second batches begin: OTP's count knows no such thing, so it must make no difference. */
const OFFSETS_MS = [0, 300, 600] as const;

const reasons: Readonly<Record<string, ExitReason>> = {
  normal,
  shutdown,
  shutdown_detail: { kind: 'shutdown', detail: 'detail' },
  crash,
  killed,
};

export interface Replayed {
  readonly happened: readonly Happened[];
  /** How its child is, when a live one is stopped. */
  readonly stopped: readonly Spec[];
}

class Replay {
  readonly #schedule: Schedule;
  readonly #shell: SimulatedShell;
  /** Whose rules they are: a name may have had several specs. */
  readonly #specs = new Map<ChildRules, Spec>();
  readonly stopped: Spec[] = [];
  #started = 0;
  #did: string[] = [];
  #seen = 0;
  /** Whose threads are ending already, asked to or by a failed start: to kill them is no other stop. */
  readonly #ending = new Set<string>();

  constructor(schedule: Schedule) {
    this.#schedule = schedule;
    const { maxRestarts, maxSeconds } = schedule;
    this.#shell = new SimulatedShell({ escalation: 'supervisor', maxRestarts, maxSeconds });
  }

  play(): readonly Happened[] {
    return this.#schedule.happened.map((batch, index) => this.#batch(batch, index));
  }

  #batch({ at, messages }: Batch, index: number): Happened {
    const shell = this.#shell;
    const second = FIRST_SECOND + at;
    const offsetMs = OFFSETS_MS[(this.#schedule.number + index) % OFFSETS_MS.length]!;
    shell.passes(Math.max(0, second * 1_000 + offsetMs - shell.monoMs));
    const requests = index === 0 ? [this.#start()] : this.#deliver(messages);
    this.#workOff();
    if (Math.floor(shell.monoMs / 1_000) !== second)
      throw new Error(`Expected batch ${index} to be done in second ${second}`);
    const did = this.#did;
    this.#did = [];
    const ended = shell.ended as Exclude<Happened['ended'], 'running'> | undefined;
    return {
      answers: requests.map((request) => this.#answer(request)),
      did,
      children: ended ? [] : whichChildren(shell.state).map(({ name, phase }) => `${name} ${phase}`),
      active: ended ? 0 : countChildren(shell.state).active,
      ended: ended ?? 'running',
    };
  }

  #start(): number {
    return this.#shell.start(...this.#schedule.children.map((spec) => this.#rulesFor(spec)));
  }

  /** All of them are there before the supervisor looks at the first. */
  #deliver(messages: readonly Message[]): readonly number[] {
    const shell = this.#shell;
    shell.command({ kind: 'start_child', rules: rulesOf(GATE) });
    const requests = messages.flatMap((message) => {
      if (message.kind === 'close') return [shell.command({ kind: 'close' })];
      if (message.kind === 'start_child') {
        return [shell.command({ kind: 'start_child', rules: this.#rulesFor(message.spec) })];
      }
      if (message.kind !== 'exit') return [shell.command({ kind: message.kind, name: message.name })];
      if (shell.latest(message.name) > 0) shell.exits(message.name, reasons[message.reason]!);
      return [];
    });
    shell.startFails(GATE);
    return requests;
  }

  #rulesFor(spec: Spec): ChildRules {
    const { name, restart, shutdown: how } = spec;
    const rules = rulesOf(name, { restart, shutdown: how === 'brutal_kill' ? 'brutal' : how });
    this.#specs.set(rules, spec);
    return rules;
  }

  #answer(request: number): string {
    const outcome = this.#shell.replies.get(request);
    return outcome ? answerInWords(outcome.ok ? undefined : outcome.error) : 'none';
  }

  #workOff(): void {
    const shell = this.#shell;
    for (let turn = 0; ; turn++) {
      if (turn > 1_000) throw new Error('Expected it to come to an end');
      this.#note();
      const threads = [...shell.threads.values()];
      const dead = threads.find((thread) => thread.killed);
      const asked = threads.find((thread) => thread.asked);
      const [starting] = shell.starting();
      if (dead) shell.exits(dead.name, killed);
      else if (starting) this.#startOne(starting.name);
      else if (asked) this.#stopOne(asked.name);
      else return;
    }
  }

  #startOne(name: string): void {
    this.#started += 1;
    const well = succeeds(this.#schedule, this.#started);
    this.#did.push(`${well ? 'starts' : 'fails'} ${name}`);
    if (well) return void this.#shell.started(name);
    this.#ending.add(name);
    this.#shell.startFails(name);
  }

  #stopOne(name: string): void {
    const shell = this.#shell;
    const stops = this.#specOf(name)?.stops ?? 'shutdown';
    if (stops !== 'never') return void shell.exits(name, reasons[stops]!);
    if (shell.wakeAtMs === undefined)
      throw new Error(`Expected '${name}', which heeds nothing, to be killed some time`);
    shell.passes(shell.wakeAtMs - shell.monoMs);
  }

  #specOf(name: string): Spec | undefined {
    const rules = this.#shell.state.children.get(name)?.rules;
    return rules && this.#specs.get(rules);
  }

  /** Puts down what the supervisor has done since. */
  #note(): void {
    const { effects } = this.#shell;
    for (const effect of effects.slice(this.#seen)) this.#noteOne(effect);
    this.#seen = effects.length;
  }

  #noteOne(effect: SupervisorEffect): void {
    if (effect.kind === 'report') this.#did.push(reportInWords(effect.report));
    if (effect.kind === 'spawn') this.#ending.delete(effect.name);
    if ((effect.kind !== 'shut_down' && effect.kind !== 'kill') || effect.name === GATE) return;
    const { name } = effect;
    if (this.#ending.has(name)) return;
    this.#ending.add(name);
    this.#did.push(`stops ${name}`);
    const spec = this.#specOf(name);
    if (spec) this.stopped.push(spec);
  }
}

export const replay = (schedule: Schedule): Replayed => {
  const play = new Replay(schedule);
  return { happened: play.play(), stopped: play.stopped };
};

export interface Difference {
  readonly batch: number;
  readonly messages: readonly Message[];
  readonly otp: Happened | undefined;
  readonly ours: Happened;
}

/** The first batch in which ours did another thing than OTP: what comes after it tells nothing. */
export const firstDifference = (schedule: Schedule): Difference | undefined => {
  const { happened } = replay(schedule);
  for (const [batch, ours] of happened.entries()) {
    const recorded = schedule.happened[batch]!;
    const otp = happenedOf(recorded);
    if (!isDeepStrictEqual(ours, otp)) return { batch, messages: recorded.messages, otp, ours };
  }
  return undefined;
};
