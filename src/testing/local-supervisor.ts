/**
 * A supervisor whose children run in this thread: the core, the memory, the actors and the handles are the real ones;
 * only the threads are missing, with their cost and their failures.
 */
import * as credentialActor from '../kinds/credential/behaviour.js';
import { registerBundled } from '../core/load-module.js';
import { fromWireError } from '../core/wire-error.js';
import { idleClock, type Clock } from '../core/clock.js';
import { TokenvisorError } from '../core/errors.js';
import { Events } from '../supervision/main/events.js';
import { allReady, type ReadyOptions } from '../supervision/main/all-ready.js';
import { ChildShell, type Launch } from '../supervision/thread/child-shell.js';
import { ChildTable } from '../supervision/main/child-table.js';
import { checkConfiguration, type CheckedChild } from '../supervision/main/options.js';
import { Reconfigurations } from '../supervision/main/reconfigurations.js';
import { markStopped } from '../supervision/thread/mark-stopped.js';
import { EffectRunner } from '../supervision/thread/effect-runner.js';
import type { SupervisorCommand } from '../supervision/core/types.js';
import { LocalIncarnation } from './in-thread-incarnation.js';
import type { SimulatedClock } from './simulated-clock.js';

registerBundled({ '../kinds/credential/behaviour.js': () => credentialActor });

/** The default rules of startSupervisor(). */
const { rules } = checkConfiguration({}, {}).supervisor;

export class LocalSupervisor {
  readonly events = new Events();
  readonly #clock: Clock;
  readonly #table = new ChildTable((name) => ({
    update: async (change, how) => {
      this.#refuseIfClosed();
      await this.#reconfigurations.update(name, change, how);
    },
    resume: () => this.#command({ kind: 'resume_child', name }),
    // What is in this thread alone has no writers in others.
    connectRemote: () =>
      Promise.reject(new TokenvisorError('NOT_FOUND', `'${name}' runs in this thread: it has no writer()`)),
    receiveArrived: () => undefined,
    emit: (type, details) => this.#emit(type, { ...details, name }),
  }));
  readonly #reconfigurations = new Reconfigurations(this.#table, async (name, options) => {
    this.#refuseIfClosed();
    return this.#runner.children.get(name)?.reconfigure(options);
  });
  readonly #runner: EffectRunner;
  #closing: Promise<void> | undefined;

  constructor(clock: SimulatedClock | undefined) {
    this.#clock = clock ?? idleClock;
    const launch: Launch = (incarnation, listener) => new LocalIncarnation(incarnation, listener, this.#clock);
    this.#runner = new EffectRunner(rules, {
      clock: this.#clock,
      createShell: (plan) => new ChildShell(plan, '', launch),
      notLivedMs: () => 0,
      emit: (type, details) => this.#emit(type, details),
      emitOf: (name, type, details) => this.#emit(type, { ...details, name }),
      connect: (name, incarnation, calls) => this.#table.find(name)?.ref.connect(calls, incarnation),
      disconnect: (name, incarnation, how) => this.#table.find(name)?.ref[how](incarnation),
      forget: () => undefined,
      end: (reason) => this.#emit('supervisor:ended', { reason }),
      // A test reads its own errors.
      redact: (error) => error,
    });
    // A test that scripts failures expects them: the warning about a failure without a listener would be noise.
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
    void this.#runner.start(plans);
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
    await this.#runner.command({ kind: 'close' });
    this.#runner.stop();
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
    const outcome = await this.#runner.command(command);
    if (!outcome.ok) throw fromWireError(outcome.error);
  }

  #emit(type: string, details: Readonly<Record<string, unknown>>): void {
    this.events.emit(type, { atMs: this.#clock.wallMs(), ...details });
  }
}
