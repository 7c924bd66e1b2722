/**
 * A supervisor whose children run in this thread: the core, the memory, the actors and the handles are the real ones;
 * only the threads are missing, with their cost and their failures.
 */
import * as credentialActor from '../kinds/credential/behaviour.js';
import { registerBundled } from '../core/load-module.js';
import { fromWireError } from '../core/wire-error.js';
import { idleClock, type Clock, type Timer } from '../core/clock.js';
import { TokenvisorError } from '../core/errors.js';
import { Events } from '../supervision/main/events.js';
import { allReady, type ReadyOptions } from '../supervision/main/all-ready.js';
import { ChildShell, type Launch } from '../supervision/thread/child-shell.js';
import { ChildTable } from '../supervision/main/child-table.js';
import { checkConfiguration, type CheckedChild } from '../supervision/main/options.js';
import { Reconfigurations } from '../supervision/main/reconfigurations.js';
import { markStopped } from '../supervision/thread/mark-stopped.js';
import { initialSupervisorState, supervise, type SupervisorState } from '../supervision/core/supervisor-core.js';
import type { SupervisorCommand, SupervisorEffect, SupervisorEvent } from '../supervision/core/types.js';
import { LocalIncarnation } from './in-thread-incarnation.js';
import type { SimulatedClock } from './simulated-clock.js';

registerBundled({ '../kinds/credential/behaviour.js': () => credentialActor });

/** The default rules of startSupervisor(). */
const { rules } = checkConfiguration({}, {}).supervisor;

type Answered = Extract<SupervisorEffect, { kind: 'reply' }>['outcome'];

export class LocalSupervisor {
  readonly events = new Events();
  readonly #clock: Clock;
  readonly #table = new ChildTable((name) => ({
    rotate: async (change, how) => {
      this.#refuseIfClosed();
      await this.#reconfigurations.update(name, change, how);
    },
    resume: () => this.#command({ kind: 'resume_child', name }),
    // Children that exist only in this thread have no writers in others.
    openLine: () =>
      Promise.reject(new TokenvisorError('NOT_FOUND', `'${name}' runs in this thread: it has no writer()`)),
    hear: () => undefined,
    tell: (type, details) => this.#tell(type, { ...details, name }),
  }));
  readonly #reconfigurations = new Reconfigurations(this.#table, async (name, options) => {
    this.#refuseIfClosed();
    return this.#shells.get(name)?.reconfigure(options);
  });
  readonly #shells = new Map<string, ChildShell>();
  readonly #requests = new Map<number, (outcome: Answered) => void>();
  readonly #queue: SupervisorEvent[] = [];
  #state: SupervisorState = initialSupervisorState(rules);
  #dispatching = false;
  #lastRequest = 0;
  #wake: Timer | undefined;
  #closing: Promise<void> | undefined;

  constructor(clock: SimulatedClock | undefined) {
    this.#clock = clock ?? idleClock;
    // Scripted failures are expected: a warning about a missing listener would be about the test.
    this.events.on('event', () => undefined);
    // Listeners that are added in the same turn miss no event.
    this.events.hold();
    void Promise.resolve().then(() => this.events.release());
  }

  /** The handles, by name. */
  get handles(): Readonly<Record<string, unknown>> {
    return this.#table.handles;
  }

  /** Starts the children: they run when it returns. Their first work is done in the following microtasks. */
  start(checked: readonly CheckedChild[]): void {
    const plans = checked.map((child) => this.#table.add(child).plan);
    for (const plan of plans) {
      const launch: Launch = (incarnation, listener) => new LocalIncarnation(incarnation, listener, this.#clock);
      this.#shells.set(plan.rules.name, new ChildShell(plan, '', launch));
    }
    void this.#request((request) => ({ kind: 'start', request, children: plans.map(({ rules }) => rules) }));
  }

  async ready(options: ReadyOptions = {}): Promise<void> {
    this.#refuseIfClosed();
    await allReady(this.#table.all, options);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.#request((request) => ({ kind: 'command', request, command: { kind: 'close' } }));
    this.#wake?.cancel();
    for (const { ref, plan } of this.#table.all) {
      ref.close();
      markStopped(plan.memory);
    }
  }

  #refuseIfClosed(): void {
    if (this.#closing)
      throw new TokenvisorError('STOPPED', 'The test credential has been closed: create another one for the next test');
  }

  async #command(command: Exclude<SupervisorCommand, { kind: 'start_child' | 'close' }>): Promise<void> {
    this.#refuseIfClosed();
    const outcome = await this.#request((request) => ({ kind: 'command', request, command }));
    if (!outcome.ok) throw fromWireError(outcome.error);
  }

  #request(event: (request: number) => SupervisorEvent): Promise<Answered> {
    this.#lastRequest += 1;
    const request = this.#lastRequest;
    return new Promise((resolve) => {
      this.#requests.set(request, resolve);
      this.#dispatch(event(request));
    });
  }

  /** An effect may cause an event at once: that one waits until the earlier effects are carried out. */
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
        return this.#shells.get(effect.name)?.kill(effect.incarnation, effect.reason);
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
        this.#table.find(name)?.ref.connect(calls, incarnation);
        this.#dispatch({ kind: 'started', ...who });
      },
      startFailed: (error) => this.#dispatch({ kind: 'start_failed', ...who, error }),
      exited: (reason) => {
        this.#table.find(name)?.ref.exited(incarnation);
        this.#dispatch({ kind: 'exited', ...who, reason });
      },
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
