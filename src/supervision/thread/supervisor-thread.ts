/** The supervisor thread: a thin shell around the pure core. It runs no user code, so user code can't crash it. */
import { type MessagePort, workerData } from 'node:worker_threads';
import * as Comlink from 'comlink';
import { guardedEndpoint } from '../../messaging/guarded-endpoint.js';
import { toWireError, type WireError } from '../../core/wire-error.js';
import type { CallEndpoint } from '../../messaging/call-endpoint.js';
import { systemClock, wallOffsetMs } from '../../core/clock.js';
import { describeKind } from '../../core/describe.js';
import type { WireOptions } from '../../secrets/reference-tree.js';
import { withChanges } from '../../core/with-changes.js';
import { ChildShell, type ChildPlan } from './child-shell.js';
import { EffectRunner } from './effect-runner.js';
import { redactIn } from './redact-error.js';
import { countChildren, whichChildren } from '../core/supervisor-core.js';
import { LostTime } from './lost-time.js';
import { notFound } from '../core/supervisor-errors.js';
import { Pulse } from './supervisor-pulse.js';
import { newPersistedChild } from '../core/supervisor-state.js';
import { ownThreadId } from '../../core/thread-time.js';
import type { CommandOutcome, SupervisorCommand, SupervisorRules } from '../core/types.js';

/** The start data of the thread. */
export interface SupervisorBoot {
  readonly rules: SupervisorRules;
  /** The actor's entry file. */
  readonly actorEntry: string;
  /** The words of {@link Pulse}. */
  readonly pulse: SharedArrayBuffer;
  readonly control: MessagePort;
  readonly messages: MessagePort;
}

/** The requests that the main thread can make. */
export interface SupervisorService {
  /** The first start, all children at once. */
  start(children: readonly ChildPlan[]): Promise<CommandOutcome>;
  /** This thread replaces a dead one. */
  adopt(children: readonly ChildPlan[]): void;
  startChild(plan: ChildPlan): Promise<CommandOutcome>;
  command(command: Exclude<SupervisorCommand, { kind: 'start_child' }>): Promise<CommandOutcome>;
  reconfigure(name: string, options: WireOptions): Promise<WireError | undefined>;
  /** Connects a writer of the child, in any thread, by a supervisor port. */
  connectRemote(name: string, port: MessagePort): WireError | undefined;
  whichChildren(): ReturnType<typeof whichChildren>;
  countChildren(): ReturnType<typeof countChildren>;
  /** Ends a child's thread as if it had died: it is restarted as after any other death. */
  endThread(name: string): void;
}

/** The messages that the thread sends to the main thread unasked. */
export type SupervisorMessage =
  | { readonly kind: 'calls'; readonly name: string; readonly incarnation: number; readonly calls: CallEndpoint }
  | {
      readonly kind: 'event';
      readonly type: string;
      readonly details: Readonly<Record<string, unknown>>;
    }
  /** An incarnation can't be called any more: it has exited, or was killed and does not exit. Sent before the event of it. */
  | {
      readonly kind: 'exit';
      readonly name: string;
      readonly incarnation: number;
      readonly how: 'exited' | 'killed';
    }
  | { readonly kind: 'forgotten'; readonly name: string }
  | { readonly kind: 'ended'; readonly reason: string };

/** How often heartbeats and clocks are checked: ms. */
const TICK_MS = 100;

export class SupervisorThread implements SupervisorService {
  readonly #boot: SupervisorBoot;
  readonly #runner: EffectRunner;
  readonly #pulse: Int32Array;
  readonly #lost = new LostTime(TICK_MS, systemClock.monoMs());

  constructor(boot: SupervisorBoot) {
    this.#boot = boot;
    this.#pulse = new Int32Array(boot.pulse);
    this.#runner = new EffectRunner(boot.rules, {
      clock: systemClock,
      createShell: (plan) => new ChildShell(plan, boot.actorEntry),
      notLivedMs: (monoMs) => this.#lost.at(monoMs),
      emit: (type, details) => this.#emit(type, details),
      emitOf: (name, type, details) => this.#emitOf(name, type, details),
      connect: (name, incarnation, calls) => this.#connect(name, incarnation, calls),
      disconnect: (name, incarnation, how) => this.#post({ kind: 'exit', name, incarnation, how }),
      forget: (name) => this.#post({ kind: 'forgotten', name }),
      end: (reason) => this.#post({ kind: 'ended', reason }),
      onEffect: () => this.#tick(),
      redact: (error, plan) => redactIn(error, plan),
    });
    this.#watch();
  }

  start(children: readonly ChildPlan[]): Promise<CommandOutcome> {
    return this.#runner.start(children);
  }

  adopt(children: readonly ChildPlan[]): void {
    const adopted = children.map((plan) => {
      const { persisted = newPersistedChild, servedUntilMs } = this.#runner.add(plan);
      return { rules: plan.rules, persisted, ...(servedUntilMs !== undefined && { servedUntilMs }) };
    });
    this.#runner.dispatch({ kind: 'adopt', children: adopted });
  }

  startChild(plan: ChildPlan): Promise<CommandOutcome> {
    const { rules } = plan;
    // A name that is taken must not lose its shell to a start that will be refused; one that was refused leaves a shell.
    if (!this.#runner.state.children.has(rules.name)) this.#runner.add(plan);
    return this.#runner.command({ kind: 'start_child', rules });
  }

  command(command: Exclude<SupervisorCommand, { kind: 'start_child' }>): Promise<CommandOutcome> {
    return this.#runner.command(command);
  }

  async reconfigure(name: string, options: WireOptions): Promise<WireError | undefined> {
    const child = this.#runner.children.get(name);
    if (!child) return notFound(name);
    const { plan } = child;
    const refusal = await child.reconfigure(options);
    return refusal && redactIn(refusal, { ...plan, options }, plan);
  }

  connectRemote(name: string, port: MessagePort): WireError | undefined {
    const child = this.#runner.children.get(name);
    if (child) {
      child.connectRemote(port);
      return undefined;
    }
    port.close();
    return notFound(name);
  }

  whichChildren(): ReturnType<typeof whichChildren> {
    return whichChildren(this.#runner.state);
  }

  countChildren(): ReturnType<typeof countChildren> {
    return countChildren(this.#runner.state);
  }

  endThread(name: string): void {
    this.#runner.children.get(name)?.endThread();
  }

  /** An error in this thread that no code has handled ends no actor. */
  reportError(error: unknown): void {
    const { name, message } = toWireError(error);
    this.#emit('error', { error: `${name}: ${message}`, during: 'supervision' });
  }

  /** The port of an actor that has exited already is closed and can't be sent: there is no one to call then. */
  #connect(name: string, incarnation: number, calls: CallEndpoint): void {
    try {
      this.#post({ kind: 'calls', name, incarnation, calls }, [calls.port]);
    } catch {
      calls.port.close();
    }
  }

  /** A child may emit any event. Its exit, which has consequences, is a message of another kind. */
  #emitOf(name: string, type: string, details: Readonly<Record<string, unknown>>): void {
    try {
      this.#emit(type, withChanges(details, { name }));
    } catch (error) {
      // Details that have crossed to this thread may still fail to cross to the next.
      this.reportError(error);
    }
  }

  /** Checks heartbeats and clocks at an interval. */
  #watch(): void {
    Atomics.store(this.#pulse, Pulse.THREAD_ID, ownThreadId());
    setInterval(() => {
      this.#tick();
      this.#lost.look(systemClock.monoMs());
      for (const [name, child] of this.#runner.children) {
        const incarnation = child.hung(TICK_MS);
        if (incarnation !== undefined) this.#runner.dispatch({ kind: 'hung', name, incarnation });
      }
      const offsetMs = wallOffsetMs(systemClock);
      for (const child of this.#runner.children.values()) child.followClock(offsetMs, TICK_MS);
    }, TICK_MS);
  }

  /** Finished work counts as a heartbeat: a burst of starts can delay the timer. */
  #tick(): void {
    Atomics.add(this.#pulse, Pulse.TICK, 1);
  }

  #emit(type: string, details: Readonly<Record<string, unknown>>): void {
    this.#post({ kind: 'event', type, details: { atMs: systemClock.wallMs(), ...details } });
  }

  #post(message: SupervisorMessage, transfer: readonly MessagePort[] = []): void {
    this.#boot.messages.postMessage(message, [...transfer]);
  }
}

/** The methods that the main thread may call. */
const METHODS: readonly (keyof SupervisorService)[] = [
  'start',
  'adopt',
  'startChild',
  'command',
  'reconfigure',
  'connectRemote',
  'whichChildren',
  'countChildren',
  'endThread',
];

/** Called by the thread's entry. */
export const runSupervisor = (): void => {
  const boot = workerData as SupervisorBoot;
  const supervisor = new SupervisorThread(boot);
  process.on('unhandledRejection', (error) => supervisor.reportError(error));
  Comlink.expose(
    supervisor,
    guardedEndpoint(boot.control, METHODS, (message) =>
      supervisor.reportError(new TypeError(`Expected a request, got ${describeKind(message)}`)),
    ),
  );
};
