/**
 * A supervisor whose children run in this thread: the core, the memory, the actors and the handles are the real ones;
 * only the threads are missing, and with them what they cost and what goes wrong with them.
 */
import * as credentialActor from '../credential/actor.js';
import { registerBundled } from '../actor/load-module.js';
import { fromWireError } from '../actor/wire.js';
import { idleClock, type Clock, type Timer } from '../clock.js';
import { checkWaitOptions } from '../config/check-timeout.js';
import { TokenvisorError } from '../errors.js';
import { Events } from '../events.js';
import { OneByOne } from '../one-by-one.js';
import { decodeOptions } from '../providers/reference-tree.js';
import { allReady } from '../supervision/all-ready.js';
import { ChildShell, type Launch } from '../supervision/child-shell.js';
import { ChildTable } from '../supervision/child-table.js';
import { checkAll, encodePrepared, type CheckedChild } from '../supervision/options.js';
import { stopMemory } from '../supervision/stop-memory.js';
import type { ReadyOptions } from '../supervision/supervisor.js';
import { initialSupervisorState, supervise, type SupervisorState } from '../supervision/supervisor-core.js';
import type { SupervisorCommand, SupervisorEffect, SupervisorEvent, SupervisorRules } from '../supervision/types.js';
import { LocalIncarnation } from './local-incarnation.js';
import type { SimulatedClock } from './simulated-clock.js';

registerBundled({ '../credential/actor.js': () => credentialActor });

/** Those of startSupervisor(), where nothing else is said. */
const RULES: SupervisorRules = {
  escalation: 'child',
  maxRestarts: 3,
  maxSeconds: 5,
  startConcurrency: 64,
  zombieAfterMs: 10_000,
  parkMs: 60_000,
  parkMaxMs: 600_000,
};

const DEFAULT_READY_MS = 30_000;

type Answered = Extract<SupervisorEffect, { kind: 'reply' }>['outcome'];

export class LocalSupervisor {
  readonly events = new Events();
  readonly #clock: Clock;
  readonly #table = new ChildTable((name) => ({
    rotate: (change, how) => this.#rotations.run(name, () => this.#rotate(name, change, how)),
    resume: () => this.#command({ kind: 'resume_child', name }),
    castFailed: ({ code }) => this.#tell('cast:failed', { name, code }),
  }));
  readonly #rotations = new OneByOne();
  readonly #shells = new Map<string, ChildShell>();
  readonly #requests = new Map<number, (outcome: Answered) => void>();
  readonly #queue: SupervisorEvent[] = [];
  #state: SupervisorState = initialSupervisorState(RULES);
  #dispatching = false;
  #lastRequest = 0;
  #wake: Timer | undefined;
  #closing: Promise<void> | undefined;

  constructor(clock: SimulatedClock | undefined) {
    this.#clock = clock ?? idleClock;
    // Whoever scripts failures knows of them: a warning that nobody listens would be about the test.
    this.events.on('event', () => undefined);
    // Who listens in the turn in which it is made has missed nothing.
    this.events.hold();
    void Promise.resolve().then(() => this.events.release());
  }

  /** The handles, by name. */
  get handles(): Readonly<Record<string, unknown>> {
    return this.#table.handles;
  }

  /** Starts the children: when it returns they run. What they do first is done in the microtasks that follow. */
  start(checked: readonly CheckedChild[]): void {
    const plans = checked.map((child) => this.#table.add(child).plan);
    for (const plan of plans) {
      const launch: Launch = (incarnation, listener) => new LocalIncarnation(incarnation, listener, this.#clock);
      this.#shells.set(plan.rules.name, new ChildShell(plan, '', launch));
    }
    void this.#request((request) => ({ kind: 'start', request, children: plans.map(({ rules }) => rules) }));
  }

  async ready(options: ReadyOptions = {}): Promise<void> {
    checkWaitOptions(options);
    const { timeoutMs = DEFAULT_READY_MS, signal } = options;
    this.#refuseIfClosed();
    await allReady(this.#table.all, timeoutMs, signal);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.#request((request) => ({ kind: 'command', request, command: { kind: 'close' } }));
    this.#wake?.cancel();
    for (const { door, plan } of this.#table.all) {
      door.disconnect();
      stopMemory(plan.memory);
    }
  }

  #refuseIfClosed(): void {
    if (this.#closing) throw new TokenvisorError('STOPPED', 'It has been closed: make another one for the next test');
  }

  async #command(command: Exclude<SupervisorCommand, { kind: 'start_child' | 'close' }>): Promise<void> {
    this.#refuseIfClosed();
    const outcome = await this.#request((request) => ({ kind: 'command', request, command }));
    if (!outcome.ok) throw fromWireError(outcome.error);
  }

  async #rotate(name: string, change: unknown, how: unknown): Promise<void> {
    this.#refuseIfClosed();
    const child = this.#table.get(name);
    const { options, wire } = checkAll((report) => {
      const running = decodeOptions(child.plan.options);
      const rotated = child.spec.kind.rotate!({ current: child.options, change, how, running }, name, report);
      const encoded = encodePrepared(rotated.prepared, name, report, () => undefined);
      return { options: rotated.options, wire: encoded.wire };
    }, name);
    const refusal = await this.#shells.get(name)?.reconfigure(wire);
    if (refusal) throw fromWireError(refusal);
    this.#table.change(child, ({ plan }) => ({ options, plan: { ...plan, options: wire } }));
  }

  #request(event: (request: number) => SupervisorEvent): Promise<Answered> {
    this.#lastRequest += 1;
    const request = this.#lastRequest;
    return new Promise((resolve) => {
      this.#requests.set(request, resolve);
      this.#dispatch(event(request));
    });
  }

  /** An effect may come to an event at once: that one waits until the effects before it are carried out. */
  #dispatch(event: SupervisorEvent): void {
    this.#queue.push(event);
    if (this.#dispatching) return;
    this.#dispatching = true;
    for (let next = this.#queue.shift(); next; next = this.#queue.shift()) {
      const { state, effects } = supervise(this.#state, next, this.#clock.now());
      this.#state = state;
      for (const effect of effects) this.#carryOut(effect);
    }
    this.#dispatching = false;
  }

  #carryOut(effect: SupervisorEffect): void {
    switch (effect.kind) {
      case 'spawn':
        return this.#spawn(effect.name, effect.incarnation);
      case 'shut_down':
        return this.#shells.get(effect.name)?.incarnation(effect.incarnation)?.shutDown();
      case 'kill':
        return this.#shells.get(effect.name)?.incarnation(effect.incarnation)?.kill(effect.reason);
      case 'persist':
        return this.#shells.get(effect.name)?.persist(effect.persisted);
      case 'withdraw':
        return this.#shells.get(effect.name)?.withdraw();
      case 'forget':
        this.#shells.get(effect.name)?.wipe();
        return void this.#shells.delete(effect.name);
      case 'reply':
        this.#requests.get(effect.request)?.(effect.outcome);
        return void this.#requests.delete(effect.request);
      case 'report':
        return this.#tell('supervisor:report', { ...effect.report });
      case 'notice': {
        const { type, ...details } = effect.notice;
        const probe = 'retryInMs' in details && { probeAtMs: this.#clock.wallMs() + details.retryInMs };
        return this.#tell(type, { ...details, ...probe });
      }
      case 'wake':
        return this.#wakeAt(effect.atMonoMs);
      case 'end':
        return this.#tell('supervisor:ended', { reason: effect.reason });
    }
  }

  #spawn(name: string, incarnation: number): void {
    const who = { name, incarnation } as const;
    this.#shells.get(name)?.spawn(incarnation, {
      ready: (calls) => {
        this.#table.find(name)?.door.connect(calls);
        this.#dispatch({ kind: 'started', ...who });
      },
      startFailed: (error) => this.#dispatch({ kind: 'start_failed', ...who, error }),
      exited: (reason) => this.#dispatch({ kind: 'exited', ...who, reason }),
      event: (type, details) => this.#tell(type, { ...details, name }),
    });
  }

  #wakeAt(atMonoMs: number | undefined): void {
    this.#wake?.cancel();
    this.#wake =
      atMonoMs === undefined
        ? undefined
        : this.#clock.setTimer(atMonoMs - this.#clock.monoMs(), () => this.#dispatch({ kind: 'woken' }));
  }

  #tell(type: string, details: Readonly<Record<string, unknown>>): void {
    this.events.emit(type, { atMs: this.#clock.wallMs(), ...details });
  }
}
