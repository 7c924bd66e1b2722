/** The supervisor thread: a thin shell around the pure core. It runs no user code, so user code can't crash it. */
import { type MessagePort, workerData } from 'node:worker_threads';
import * as Comlink from 'comlink';
import { guardedEndpoint } from '../../messaging/guarded-endpoint.js';
import { toWireError, type WireError } from '../../core/wire-error.js';
import type { CallEndpoint } from '../../messaging/call-endpoint.js';
import { systemClock, wallOffsetMs, type Timer } from '../../core/clock.js';
import { describeKind } from '../../core/describe.js';
import type { WireOptions } from '../../secrets/reference-tree.js';
import { withChanges } from '../../core/with-changes.js';
import { ChildShell, type ChildPlan } from './child-shell.js';
import { redactIn, redactInExit } from './redact-error.js';
import {
  countChildren,
  initialSupervisorState,
  supervise,
  whichChildren,
  type SupervisorState,
} from '../core/supervisor-core.js';
import { LostTime } from './lost-time.js';
import { notFound } from '../core/supervisor-errors.js';
import { Pulse } from './supervisor-pulse.js';
import { newPersistedChild } from '../core/supervisor-state.js';
import { ownThreadId } from '../../core/thread-time.js';
import type {
  CommandOutcome,
  SupervisorCommand,
  SupervisorEffect,
  SupervisorEvent,
  SupervisorRules,
} from '../core/types.js';

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
  /** Adds a line to a writer of the child, in any thread. */
  openLine(name: string, line: MessagePort): WireError | undefined;
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
  | { readonly kind: 'forgotten'; readonly name: string }
  | { readonly kind: 'ended'; readonly reason: string };

/** How often heartbeats and clocks are checked: ms. */
const TICK_MS = 100;

export class SupervisorThread implements SupervisorService {
  readonly #boot: SupervisorBoot;
  readonly #children = new Map<string, ChildShell>();
  readonly #requests = new Map<number, (outcome: CommandOutcome) => void>();
  #state: SupervisorState;
  #lastRequest = 0;
  #wake: Timer | undefined;
  readonly #pulse: Int32Array;
  readonly #lost = new LostTime(TICK_MS, systemClock.monoMs());

  constructor(boot: SupervisorBoot) {
    this.#boot = boot;
    this.#pulse = new Int32Array(boot.pulse);
    this.#state = initialSupervisorState(boot.rules);
    this.#watch();
  }

  start(children: readonly ChildPlan[]): Promise<CommandOutcome> {
    for (const plan of children) this.#children.set(plan.rules.name, new ChildShell(plan, this.#boot.actorEntry));
    return this.#request((request) => ({ kind: 'start', request, children: children.map(({ rules }) => rules) }));
  }

  adopt(children: readonly ChildPlan[]): void {
    const adopted = children.map((plan) => {
      const shell = new ChildShell(plan, this.#boot.actorEntry);
      this.#children.set(plan.rules.name, shell);
      const { persisted = newPersistedChild, servedUntilMs } = shell;
      return { rules: plan.rules, persisted, ...(servedUntilMs !== undefined && { servedUntilMs }) };
    });
    this.#dispatch({ kind: 'adopt', children: adopted });
  }

  startChild(plan: ChildPlan): Promise<CommandOutcome> {
    const { rules } = plan;
    // An existing child must not lose its shell to a start that will be refused; a refused one leaves a shell.
    if (!this.#state.children.has(rules.name))
      this.#children.set(rules.name, new ChildShell(plan, this.#boot.actorEntry));
    return this.#request((request) => ({ kind: 'command', request, command: { kind: 'start_child', rules } }));
  }

  command(command: Exclude<SupervisorCommand, { kind: 'start_child' }>): Promise<CommandOutcome> {
    return this.#request((request) => ({ kind: 'command', request, command }));
  }

  async reconfigure(name: string, options: WireOptions): Promise<WireError | undefined> {
    const child = this.#children.get(name);
    if (!child) return notFound(name);
    const { plan } = child;
    const refusal = await child.reconfigure(options);
    return refusal && redactIn(refusal, { ...plan, options }, plan);
  }

  openLine(name: string, line: MessagePort): WireError | undefined {
    const child = this.#children.get(name);
    if (child) {
      child.openLine(line);
      return undefined;
    }
    line.close();
    return notFound(name);
  }

  whichChildren(): ReturnType<typeof whichChildren> {
    return whichChildren(this.#state);
  }

  countChildren(): ReturnType<typeof countChildren> {
    return countChildren(this.#state);
  }

  endThread(name: string): void {
    this.#children.get(name)?.endThread();
  }

  /** Reports an internal error, which is no reason to end every actor. */
  reportError(error: unknown): void {
    const { name, message } = toWireError(error);
    this.#tell({ kind: 'event', type: 'error', details: { error: `${name}: ${message}`, during: 'supervision' } });
  }

  #request(event: (request: number) => SupervisorEvent): Promise<CommandOutcome> {
    this.#lastRequest += 1;
    const request = this.#lastRequest;
    return new Promise((resolve) => {
      this.#requests.set(request, resolve);
      this.#dispatch(event(request));
    });
  }

  #dispatch(event: SupervisorEvent): void {
    const now = systemClock.now();
    const { state, effects } = supervise(this.#state, event, { ...now, notLivedMs: this.#lost.at(now.monoMs) });
    this.#state = state;
    for (const effect of effects) this.#carryOut(effect);
  }

  #carryOut(effect: SupervisorEffect): void {
    this.#tick();
    switch (effect.kind) {
      case 'spawn':
        return this.#spawn(effect.name, effect.incarnation);
      case 'shut_down':
        return this.#children.get(effect.name)?.incarnation(effect.incarnation)?.shutDown();
      case 'kill':
        return this.#children.get(effect.name)?.kill(effect.incarnation, effect.reason);
      case 'persist':
        return this.#children.get(effect.name)?.persist(effect.persisted);
      case 'withdraw':
        return this.#children.get(effect.name)?.withdraw();
      case 'forget':
        this.#children.get(effect.name)?.wipe();
        this.#children.delete(effect.name);
        return this.#tell({ kind: 'forgotten', name: effect.name });
      case 'reply':
        this.#requests.get(effect.request)?.(effect.outcome);
        return void this.#requests.delete(effect.request);
      case 'report':
        return this.#tell({ kind: 'event', type: 'supervisor:report', details: { ...effect.report } });
      case 'notice': {
        const { type, ...details } = effect.notice;
        const probe = 'retryInMs' in details && { probeAtMs: systemClock.wallMs() + details.retryInMs };
        return this.#tell({ kind: 'event', type, details: { ...details, ...probe } });
      }
      case 'wake':
        return this.#wakeAt(effect.atMonoMs);
      case 'end':
        return this.#tell({ kind: 'ended', reason: effect.reason });
    }
  }

  #spawn(name: string, incarnation: number): void {
    const child = this.#children.get(name);
    if (!child) return;
    const who = { name, incarnation } as const;
    child.spawn(incarnation, {
      ready: (calls) => {
        this.#handOverCalls(name, incarnation, calls);
        this.#dispatch({ kind: 'started', ...who });
      },
      startFailed: (error, timedOut) =>
        this.#dispatch({ kind: 'start_failed', ...who, error: redactIn(error, child.plan), timedOut }),
      exited: (reason) => this.#dispatch({ kind: 'exited', ...who, reason: redactInExit(reason, child.plan) }),
      event: (type, details) => this.#tellOf(name, type, details),
    });
  }

  /** The port of an actor that has died is closed, and can't be transferred: there is no actor to call then. */
  #handOverCalls(name: string, incarnation: number, calls: CallEndpoint): void {
    try {
      this.#tell({ kind: 'calls', name, incarnation, calls }, [calls.port]);
    } catch {
      calls.port.close();
    }
  }

  /**
   * Forwards an event of a child, which may emit anything. An event about its own exit gets no incarnation, so that it
   * has no effect.
   */
  #tellOf(name: string, type: string, details: Readonly<Record<string, unknown>>): void {
    const { incarnation, ...rest } = details;
    const isOurs = type === 'child:exited' || type === 'child:zombie';
    const told = isOurs || incarnation === undefined ? rest : details;
    try {
      this.#tell({ kind: 'event', type, details: withChanges(told, { name }) });
    } catch (error) {
      // A value that was cloned once may fail to be cloned again.
      this.reportError(error);
    }
  }

  #wakeAt(atMonoMs: number | undefined): void {
    this.#wake?.cancel();
    this.#wake =
      atMonoMs === undefined
        ? undefined
        : systemClock.setTimer(atMonoMs - systemClock.monoMs(), () => this.#dispatch({ kind: 'woken' }));
  }

  /** Checks heartbeats and clocks. */
  #watch(): void {
    Atomics.store(this.#pulse, Pulse.THREAD_ID, ownThreadId());
    setInterval(() => {
      this.#tick();
      this.#lost.look(systemClock.monoMs());
      for (const [name, child] of this.#children) {
        const incarnation = child.hung(TICK_MS);
        if (incarnation !== undefined) this.#dispatch({ kind: 'hung', name, incarnation });
      }
      const offsetMs = wallOffsetMs(systemClock);
      for (const child of this.#children.values()) child.followClock(offsetMs, TICK_MS);
    }, TICK_MS);
  }

  /** Finished work counts as a heartbeat: a burst of starts can delay the timer. */
  #tick(): void {
    Atomics.add(this.#pulse, Pulse.TICK, 1);
  }

  #tell(message: SupervisorMessage, transfer: readonly MessagePort[] = []): void {
    const stamped =
      message.kind === 'event'
        ? withChanges(message, { details: { atMs: systemClock.wallMs(), ...message.details } })
        : message;
    this.#boot.messages.postMessage(stamped, [...transfer]);
  }
}

/** The methods that the main thread may call. */
const METHODS: readonly (keyof SupervisorService)[] = [
  'start',
  'adopt',
  'startChild',
  'command',
  'reconfigure',
  'openLine',
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
