/**
 * Under `escalation: 'supervisor'`, against a plain reading of OTP's supervisor.erl: a process that handles one message
 * after the other, and in whose eyes a start or a stop takes no time because it blocks.
 */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { ExitReason } from '../../src/supervision/core/terms.js';
import type { ChildRules } from '../../src/supervision/core/types.js';
import { crash, killed, normal, rulesOf, shutdown, SimulatedShell } from '../unit/supervision/simulated-shell.js';

type Message =
  | { readonly kind: 'exit'; readonly name: string; readonly reason: ExitReason }
  | {
      readonly kind: 'call';
      readonly call: 'terminate_child' | 'restart_child' | 'delete_child';
      readonly name: string;
    }
  | { readonly kind: 'call'; readonly call: 'start_child'; readonly rules: ChildRules };

/** Messages that are all in the message box before the supervisor looks at the first, `waitMs` after the last batch. */
interface Batch {
  readonly waitMs: number;
  readonly messages: readonly Message[];
}

type Queued = Message | { readonly kind: 'try_again'; readonly name: string };

/** What the n-th start of all comes to. */
type Starts = (nth: number, name: string) => boolean;

/**
 * A child beside the ones under test: while ours waits for its stop, a batch of messages gathers. (OTP's process would
 * have to be suspended for that.)
 */
const GATE = 'gate';

class Otp {
  readonly children = new Map<string, { rules: ChildRules; pid: 'alive' | 'dead' | 'restarting' | undefined }>();
  readonly answers: string[] = [];
  readonly reports: string[] = [];
  readonly mailbox: Queued[] = [];
  gaveUp = false;
  starts = 0;
  restarts: number[] = [];

  constructor(
    readonly maxRestarts: number,
    readonly maxSeconds: number,
    readonly succeeds: Starts,
  ) {}

  deliver(messages: readonly Message[], nowMs: number): void {
    for (const message of messages) {
      if (message.kind === 'exit') {
        const child = this.children.get(message.name);
        if (child?.pid !== 'alive') continue;
        child.pid = 'dead';
      }
      this.mailbox.push(message);
    }
    for (let next = this.mailbox.shift(); next; next = this.mailbox.shift()) {
      if (this.gaveUp) {
        if (next.kind === 'call') this.answers.push('STOPPED');
      } else if (next.kind === 'call') this.answers.push(this.handleCall(next));
      else if (next.kind === 'exit') this.handleExit(next.name, next.reason, nowMs);
      else if (this.children.get(next.name)?.pid === 'restarting') this.restart(next.name, nowMs);
    }
  }

  handleCall(message: Extract<Message, { kind: 'call' }>): string {
    if (message.call === 'start_child') {
      const { rules } = message;
      if (this.children.has(rules.name)) return 'ALREADY_STARTED';
      if (!this.succeeds(++this.starts, rules.name)) return 'START_FAILED';
      this.children.set(rules.name, { rules, pid: 'alive' });
      return 'ok';
    }
    const child = this.children.get(message.name);
    if (!child) return 'NOT_FOUND';
    if (message.call === 'terminate_child') {
      this.terminate(message.name);
      return 'ok';
    }
    if (child.pid === 'restarting') return 'RESTARTING';
    if (child.pid) return 'RUNNING';
    if (message.call === 'delete_child') {
      this.children.delete(message.name);
      return 'ok';
    }
    if (!this.succeeds(++this.starts, message.name)) return 'START_FAILED';
    child.pid = 'alive';
    return 'ok';
  }

  handleExit(name: string, reason: ExitReason, nowMs: number): void {
    const child = this.children.get(name);
    if (child?.pid !== 'dead') return;
    const { restart } = child.rules;
    const isNormal = reason.kind === 'normal' || reason.kind === 'shutdown';
    if (restart === 'permanent' || !isNormal) this.reports.push(`child_terminated ${name}`);
    if (restart === 'temporary' || (restart === 'transient' && isNormal)) this.deleteOrKeep(name);
    else this.restart(name, nowMs);
  }

  restart(name: string, nowMs: number): void {
    const second = Math.floor(nowMs / 1_000);
    this.restarts = [second, ...this.restarts.filter((then) => then >= second - this.maxSeconds)];
    if (this.restarts.length > this.maxRestarts) {
      this.reports.push(`shutdown ${name}`);
      this.deleteOrKeep(name);
      for (const other of [...this.children.keys()].reverse()) this.terminate(other);
      this.gaveUp = true;
      return;
    }
    const child = this.children.get(name)!;
    if (this.succeeds(++this.starts, name)) child.pid = 'alive';
    else {
      child.pid = 'restarting';
      this.reports.push(`start_error ${name}`);
      this.mailbox.push({ kind: 'try_again', name });
    }
  }

  /** A child that is dead already, its EXIT still in the box, is stopped with that reason: here always an abnormal one. */
  terminate(name: string): void {
    const child = this.children.get(name);
    if (child?.pid === 'dead') {
      const at = this.mailbox.findIndex((message) => message.kind === 'exit' && message.name === name);
      const [exit] = this.mailbox.splice(at, 1);
      const reason = exit?.kind === 'exit' ? exit.reason : normal;
      const { restart } = child.rules;
      const expected = reason.kind === 'shutdown' || (reason.kind === 'normal' && restart !== 'permanent');
      if (!expected) this.reports.push(`shutdown_error ${name}`);
    }
    this.deleteOrKeep(name);
  }

  deleteOrKeep(name: string): void {
    const child = this.children.get(name);
    if (child?.rules.restart === 'temporary') this.children.delete(name);
    else if (child) child.pid = undefined;
  }
}

const names = ['a', 'b', 'c'] as const;
const anyName = fc.constantFrom(...names);
const anyRules = anyName.chain((name) =>
  fc.constantFrom('permanent', 'permanent', 'transient', 'temporary').map((restart) => rulesOf(name, { restart })),
);

const anyMessage = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('exit'),
      name: anyName,
      reason: fc.constantFrom(crash, crash, killed, normal, shutdown),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('call'),
      call: fc.constantFrom('terminate_child', 'restart_child', 'restart_child', 'delete_child'),
      name: anyName,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('call'), call: fc.constant('start_child'), rules: anyRules }),
  },
) as fc.Arbitrary<Message>;

const scenario = fc.record({
  maxRestarts: fc.integer({ min: 0, max: 8 }),
  maxSeconds: fc.integer({ min: 1, max: 3 }),
  restarts: fc.tuple(...names.map(() => fc.constantFrom('permanent', 'permanent', 'transient', 'temporary'))),
  failures: fc.array(fc.boolean(), { minLength: 1, maxLength: 20 }),
  batches: fc.array(
    fc.record({ waitMs: fc.integer({ min: 0, max: 2_500 }), messages: fc.array(anyMessage, { maxLength: 6 }) }),
    { maxLength: 20 },
  ),
}) as fc.Arbitrary<{
  maxRestarts: number;
  maxSeconds: number;
  restarts: ChildRules['restart'][];
  failures: boolean[];
  batches: Batch[];
}>;

/** Lets the simulated threads do what they are told, one start outcome after the other. */
const workOff = (shell: SimulatedShell, succeeds: Starts, starts: { count: number }): void => {
  for (;;) {
    const [starting] = shell.starting();
    const asked = [...shell.threads.values()].find((thread) => thread.asked);
    if (starting && succeeds(++starts.count, starting.name)) shell.started(starting.name);
    else if (starting) shell.startFails(starting.name);
    else if (asked) shell.exits(asked.name, shutdown);
    else return;
  }
};

it('the same deaths and calls give the same answers, reports, restarts, give-up and end states', () => {
  let gaveUp = 0;
  fc.assert(
    fc.property(scenario, ({ maxRestarts, maxSeconds, restarts, failures, batches }) => {
      const specs = [...names.map((name, index) => rulesOf(name, { restart: restarts[index]! })), rulesOf(GATE)];
      const succeeds: Starts = (nth, name) => nth <= specs.length || name === GATE || !failures[nth % failures.length];
      const otp = new Otp(maxRestarts, maxSeconds, succeeds);
      const shell = new SimulatedShell({ escalation: 'supervisor', maxRestarts, maxSeconds });
      const requests: number[] = [];
      const starts = { count: 0 };
      for (const rules of specs) otp.children.set(rules.name, { rules, pid: 'alive' });
      otp.starts = specs.length;
      shell.start(...specs);
      workOff(shell, succeeds, starts);

      const send = (messages: readonly Message[]): void => {
        for (const message of messages) {
          if (message.kind === 'exit') {
            if (shell.latest(message.name) > 0) shell.exits(message.name, message.reason);
          } else if (message.call === 'start_child') {
            requests.push(shell.command({ kind: 'start_child', rules: message.rules }));
          } else requests.push(shell.command({ kind: message.call, name: message.name }));
        }
        workOff(shell, succeeds, starts);
        otp.deliver(messages, shell.monoMs);
      };

      for (const { waitMs, messages } of batches) {
        shell.passes(waitMs);
        send([{ kind: 'call', call: 'restart_child', name: GATE }]);
        send([{ kind: 'call', call: 'terminate_child', name: GATE }, ...messages]);
      }

      expect(requests.map((request) => shell.outcome(request))).toEqual(otp.answers);
      expect(shell.reports().map(({ context, offender }) => `${context} ${offender.name}`)).toEqual(otp.reports);
      expect(shell.ended === 'restart_intensity').toBe(otp.gaveUp);
      expect(starts.count).toBe(otp.starts);
      const states = [...otp.children].map(([name, { pid }]) => [name, pid === 'alive' ? 'running' : 'stopped']);
      expect([...shell.state.children.keys()].map((name) => [name, shell.phase(name)])).toEqual(states);
      if (otp.gaveUp) gaveUp++;
    }),
    { numRuns: 500 },
  );
  expect(gaveUp, 'enough of them give up').toBeGreaterThan(50);
}, 30_000);
