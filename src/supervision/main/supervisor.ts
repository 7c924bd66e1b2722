/**
 * The main thread's side of supervision: it owns all shared memory and the specs, holds the typed handles, and starts a
 * new supervisor thread when one dies.
 */
import type { MessagePort } from 'node:worker_threads';
import * as Comlink from 'comlink';
import { readSupervision } from '../child-status.js';
import { strangeMessage } from '../../messaging/guarded-endpoint.js';
import { fromWireError } from '../../core/wire-error.js';
import { systemClock } from '../../core/clock.js';
import { checkWaitOptions } from '../../config/check-timeout.js';
import { TokenvisorError } from '../../core/errors.js';
import type { AnyTokenvisorEvent, TokenvisorEventName, TokenvisorEvents } from '../core/event-map.js';
import { Events } from './events.js';
import { openWords } from '../../memory/child-memory.js';
import { supervisorEntry } from '../../core/package-files.js';
import { isError } from '../../core/realm.js';
import { within } from '../../core/within.js';
import { allReady, type ReadyOptions } from './all-ready.js';
import { isSupervisorMessage, nameTaken, unwrap, withError } from './answers.js';
import type { ChildSpec, HandleOf } from '../kind.js';
import { ChildTable, type HeldChild } from './child-table.js';
import { supervisorBackoffMs, SUPERVISOR_RESTART_WINDOW_MS } from './supervisor-backoff.js';
import { type CheckedChild, type CheckedSupervisorOptions, checkOneChild } from './options.js';
import type { ChildCounts, ChildSummary } from '../core/supervisor-state.js';
import { Reconfigurations } from './reconfigurations.js';
import { markStopped, withdrawSnapshot } from '../thread/mark-stopped.js';
import { SupervisorClient } from './supervisor-client.js';
import { healthOf, type SupervisorHealth, type SupervisorPhase } from './supervisor-health.js';
import type { SupervisorMessage } from '../thread/supervisor-thread.js';
import type { CommandOutcome, SupervisorCommand } from '../core/types.js';

/** The handles of several specs, by name: the type of `supervisor.children`. */
export type HandlesOf<Specs extends Readonly<Record<string, ChildSpec>>> = {
  readonly [Name in keyof Specs]: HandleOf<Specs[Name]>;
};

const DEFAULT_CLOSE_MS = 30_000;
/** How long an end waits for threads that have been asked to end: ms. */
const EXIT_MS = 2_000;

/**
 * A running supervisor; made by `startSupervisor()`, and used by the thread that called it. No method blocks. A pending
 * `ready`, `get`, `call` or command holds the process open; an idle supervisor does not. `await using` closes it.
 *
 * A command rejects with ACTOR_DOWN if the supervisor thread dies during it: it may be repeated.
 */
export class TokenSupervisor<Specs extends Readonly<Record<string, ChildSpec>> = Readonly<Record<string, ChildSpec>>> {
  readonly #options: CheckedSupervisorOptions;
  readonly #events = new Events();
  readonly #children = new ChildTable((name) => ({
    update: async (change, how) => {
      this.#refuseIfEnded();
      await this.#reconfigurations.update(name, change, how);
    },
    resume: () => this.#command({ kind: 'resume_child', name }),
    connectRemote: (port) => this.#connectRemote(name, port),
    receiveArrived: () => this.#client.receiveArrived(),
    emit: (type, details) => this.#events.emit(type, { ...details, name }),
  }));
  readonly #reconfigurations = new Reconfigurations(this.#children, async (name, options) => {
    this.#refuseIfEnded();
    return this.#client.ask((service) => service.reconfigure(name, options));
  });
  readonly #workerUrl: URL;
  #client: SupervisorClient;
  /** When supervisor threads were replaced, monotonic. */
  #restartsAtMs: readonly number[] = [];
  #phase: SupervisorPhase = 'starting';
  #restartTimer: NodeJS.Timeout | undefined;
  #hold: NodeJS.Timeout | undefined;
  #closing: Promise<void> | undefined;
  #endTold = false;

  /** @internal Use startSupervisor. */
  constructor(options: CheckedSupervisorOptions) {
    this.#options = options;
    // Events of the start are kept until those that await it can add listeners.
    this.#events.hold();
    this.#workerUrl = options.workerUrl ?? supervisorEntry();
    this.#client = this.#openClient();
    if (options.ref) this.ref();
  }

  /** The handles, by name: `supervisor.children.github`. `startChild` adds one, `deleteChild` removes one. */
  get children(): HandlesOf<Specs> {
    return this.#children.handles as HandlesOf<Specs>;
  }

  /** Listens to an event, or with `event` to all. The error of a listener becomes an `error` event. */
  on<Name extends TokenvisorEventName>(name: Name, listener: (event: TokenvisorEvents[Name]) => unknown): this;
  on(name: 'event', listener: (event: AnyTokenvisorEvent) => unknown): this;
  on(name: TokenvisorEventName | 'event', listener: (event: never) => unknown): this {
    this.#events.on(name, listener as never);
    return this;
  }

  /** Listens to the next event of that name only. */
  once<Name extends TokenvisorEventName>(name: Name, listener: (event: TokenvisorEvents[Name]) => unknown): this;
  once(name: 'event', listener: (event: AnyTokenvisorEvent) => unknown): this;
  once(name: TokenvisorEventName | 'event', listener: (event: never) => unknown): this {
    this.#events.once(name, listener as never);
    return this;
  }

  /** Removes a listener that `on()` or `once()` has added; no effect for any other. */
  off<Name extends TokenvisorEventName>(name: Name, listener: (event: TokenvisorEvents[Name]) => unknown): this;
  off(name: 'event', listener: (event: AnyTokenvisorEvent) => unknown): this;
  off(name: TokenvisorEventName | 'event', listener: (event: never) => unknown): this {
    this.#events.off(name, listener as never);
    return this;
  }

  /**
   * Resolves when every child can serve: each eager credential has a usable token, every other child runs.
   *
   * @throws TIMEOUT naming those that can't, with the last failure as `cause`, PARKED as soon as a child needs outside
   *   help, STOPPED, ABORTED, CONFIG_INVALID for invalid options.
   * @example
   * await supervisor.ready({ timeoutMs: 10_000 });
   */
  async ready(options: ReadyOptions = {}): Promise<void> {
    this.#refuseIfEnded();
    await allReady(this.#children.all, options);
  }

  /** The health of the supervisor and its children. Synchronous: it reads shared memory. */
  health(): SupervisorHealth {
    return healthOf(this.#phase, this.#children.all);
  }

  /**
   * Starts one more child, and resolves with its handle when its `init` is done.
   *
   * @throws CONFIG_INVALID with every problem, ALREADY_STARTED, START_FAILED with the reason as `cause`, STOPPED,
   *   ACTOR_DOWN.
   * @example
   * const counter = await supervisor.startChild('counter', actor({ behaviour: new URL('./counter.js', import.meta.url) }));
   * counter.cast('increment');
   */
  async startChild<Handle>(name: string, spec: ChildSpec<Handle>): Promise<Handle> {
    const freed = this.#children.freed(name);
    if (freed) await freed;
    const checked = checkOneChild(name, spec, (of) => this.#children.tokenMemory(of), this.#children.referring);
    this.#refuseIfEnded();
    if (this.#children.find(name)) throw nameTaken(name);
    const child = this.#children.add(checked, { starting: true });
    try {
      unwrap(await this.#client.ask<CommandOutcome>((service) => service.startChild(child.plan)));
    } catch (error) {
      this.#children.remove(child);
      // If the supervisor thread died over it, the holders of the handle learn it here.
      markStopped(child.plan.memory);
      throw error;
    }
    this.#children.change(child, () => ({ starting: false }));
    await this.#reconfigurations.repoint(child);
    return child.handle as Handle;
  }

  /**
   * Stops a child, within its `shutdown`, and keeps its spec: `restartChild` starts it again. A temporary child's spec
   * is dropped. Reads of a stopped credential throw STOPPED.
   *
   * @throws NOT_FOUND, STOPPED, ACTOR_DOWN.
   */
  async terminateChild(name: string): Promise<void> {
    await this.#children.whileFreeing(name, this.#command({ kind: 'terminate_child', name }));
  }

  /**
   * Starts a stopped child.
   *
   * @throws NOT_FOUND, RUNNING if it runs, or its killed thread has not exited, RESTARTING if it is restarting or
   *   parked, START_FAILED with the reason as `cause`, STOPPED, ACTOR_DOWN.
   */
  async restartChild(name: string): Promise<void> {
    await this.#command({ kind: 'restart_child', name });
  }

  /**
   * Removes a stopped child, and its memory.
   *
   * @throws NOT_FOUND, RUNNING if it runs, or its killed thread has not exited, RESTARTING if it is restarting or
   *   parked, STOPPED, ACTOR_DOWN.
   */
  async deleteChild(name: string): Promise<void> {
    const child = this.#children.find(name);
    const deleted = this.#command({ kind: 'delete_child', name }).then(() => child && this.#children.remove(child));
    await this.#children.whileFreeing(name, deleted);
  }

  /**
   * The children and their phases, in order of start: OTP's `which_children`. Empty once the supervisor has ended.
   *
   * @throws ACTOR_DOWN.
   */
  async whichChildren(): Promise<readonly ChildSummary[]> {
    if (this.#phase === 'ended') return [];
    return this.#client.ask((service) => service.whichChildren());
  }

  /**
   * How many children there are: OTP's `count_children`.
   *
   * @throws ACTOR_DOWN.
   */
  async countChildren(): Promise<ChildCounts> {
    if (this.#phase === 'ended') return { specs: 0, active: 0, supervisors: 0, workers: 0 };
    return this.#client.ask((service) => service.countChildren());
  }

  /**
   * Stops all children in reverse order, each within its `shutdown`, then the threads; never rejects. Afterwards reads
   * throw STOPPED. A second call joins the first.
   *
   * @param options `timeoutMs`: after this time, remaining threads are ended: ms, 0 to 2^31 - 1; 30,000 by default.
   */
  close(options: { readonly timeoutMs?: number } = {}): Promise<void> {
    checkWaitOptions(options);
    this.#closing ??= this.#close(options.timeoutMs ?? DEFAULT_CLOSE_MS);
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Holds the process open, until `unref()` or `close()`. */
  ref(): this {
    if (this.#phase !== 'closing' && this.#phase !== 'ended') this.#hold ??= setInterval(() => undefined, 2 ** 30);
    return this;
  }

  /** Lets the process end: the default. */
  unref(): this {
    clearInterval(this.#hold);
    this.#hold = undefined;
    return this;
  }

  /** @internal The first start: all children, or an error with nothing left behind. */
  async start(children: readonly CheckedChild[]): Promise<void> {
    try {
      const plans = children.map((checked) => this.#children.add(checked).plan);
      unwrap(await this.#client.ask<CommandOutcome>((service) => service.start(plans)));
      this.#phase = 'running';
      // Listeners that are added right after startSupervisor() has resolved miss no event.
      setImmediate(() => this.#events.release());
    } catch (error) {
      this.#phase = 'ended';
      this.unref();
      await this.#client.terminate(EXIT_MS);
      for (const { plan } of this.#children.all) markStopped(plan.memory);
      if (error instanceof TokenvisorError && error.code === 'START_FAILED') throw error;
      throw new TokenvisorError('START_FAILED', 'The supervisor thread died during the start', { cause: error });
    }
  }

  /** @internal Ends a thread from outside, for tokenvisor/testing: a child's, or the supervisor's. */
  async endThread(name?: string): Promise<void> {
    this.#refuseIfEnded();
    if (name === undefined) return void (await this.#client.terminate(EXIT_MS));
    const { rules } = this.#children.get(name).plan;
    await this.#client.ask((service) => service.endThread(rules.name));
  }

  async #command(command: Exclude<SupervisorCommand, { kind: 'start_child' | 'close' }>): Promise<void> {
    this.#refuseIfEnded();
    // Throws if the child does not exist.
    this.#children.get(command.name);
    unwrap(await this.#client.ask<CommandOutcome>((service) => service.command(command)));
  }

  async #connectRemote(name: string, port: MessagePort): Promise<void> {
    this.#refuseIfEnded();
    const refusal = await this.#client.ask((service) => service.connectRemote(name, Comlink.transfer(port, [port])));
    if (refusal) throw fromWireError(refusal);
  }

  #refuseIfEnded(): void {
    if (this.#phase === 'closing' || this.#phase === 'ended') {
      throw new TokenvisorError('STOPPED', 'The supervisor has been closed: start another with startSupervisor()');
    }
  }

  #openClient(): SupervisorClient {
    return new SupervisorClient({
      rules: this.#options.rules,
      workerUrl: this.#workerUrl,
      onMessage: (message) => {
        if (isSupervisorMessage(message)) this.#receive(message);
        else this.#tellStrange(message);
      },
      onExit: (error) => this.#supervisorThreadExited(error),
    });
  }

  #receive(message: SupervisorMessage): void {
    switch (message.kind) {
      case 'calls': {
        const child = this.#children.find(message.name);
        if (child) child.ref.connect(message.calls, message.incarnation);
        else message.calls.port.close();
        return;
      }
      case 'event':
        return this.#events.emit(message.type, message.type === 'error' ? withError(message.details) : message.details);
      case 'exit':
        return this.#children.find(message.name)?.ref[message.how](message.incarnation);
      case 'forgotten': {
        const child = this.#children.find(message.name);
        if (child) this.#children.remove(child);
        return;
      }
      case 'ended':
        this.#tellEnd(message.reason);
        if (message.reason === 'restart_intensity') void this.close();
    }
  }

  #tellStrange(message: unknown): void {
    const details = strangeMessage('the port of the supervisor thread', message);
    this.#events.emit('error', withError({ atMs: systemClock.wallMs(), ...details }));
  }

  /** Emits the end once: on the supervisor thread's message, or after a close that had to end it. */
  #tellEnd(reason: string): void {
    if (this.#endTold) return;
    this.#endTold = true;
    this.#events.emit('supervisor:ended', { reason });
  }

  /** The supervisor thread is gone, and every actor with it. Start another, which adopts. */
  #supervisorThreadExited(error: unknown): void {
    for (const { ref, plan } of this.#children.all) {
      ref.disconnect();
      if (plan.rules.onExit === 'withdraw') withdrawSnapshot(plan.memory);
    }
    if (this.#phase !== 'running' && this.#phase !== 'restarting') return;
    this.#phase = 'restarting';
    const restartInMs = supervisorBackoffMs(this.#restartsAtMs, systemClock.monoMs());
    this.#events.emit('supervisor:exited', {
      restartInMs,
      ...(isError(error) && { error: { name: error.name, message: error.message } }),
    });
    if (restartInMs === 0) return this.#replaceLink();
    this.#restartTimer = setTimeout(() => this.#replaceLink(), restartInMs).unref();
  }

  #replaceLink(): void {
    // A listener may have closed the supervisor.
    if (this.#phase !== 'restarting') return;
    const nowMs = systemClock.monoMs();
    this.#restartsAtMs = [...this.#restartsAtMs.filter((atMs) => nowMs - atMs < SUPERVISOR_RESTART_WINDOW_MS), nowMs];
    try {
      this.#client = this.#openClient();
    } catch (error) {
      // No thread could be made: it is as if it had died at once.
      return this.#supervisorThreadExited(error);
    }
    const adopted = this.#children.all.filter(({ starting }) => !starting);
    this.#client
      .ask((service) => service.adopt(adopted.map(({ plan }) => plan)))
      .then(() => {
        if (this.#phase !== 'restarting') return;
        this.#phase = 'running';
        this.#events.emit('supervisor:restarted', {});
      })
      // The thread died during it: its exit is handled above.
      .catch(() => undefined);
    for (const { ref } of adopted) ref.reconnect();
  }

  async #close(timeoutMs: number): Promise<void> {
    if (this.#phase === 'ended') return;
    this.#phase = 'closing';
    clearTimeout(this.#restartTimer);
    this.unref();
    await this.#closeChildren(timeoutMs);
    const exited = await this.#client.terminate(EXIT_MS);
    this.#phase = 'ended';
    for (const child of this.#children.all) this.#closeChild(child, exited);
    this.#tellEnd('closed');
  }

  /** The holder of a handle can write into its memory: the corrupted memory of one child must not keep the others from closing. */
  #closeChild({ plan, ref }: HeldChild, exited: boolean): void {
    ref.close();
    try {
      const { phase, incarnation = 0 } = readSupervision(openWords(plan.memory.shared)) ?? {};
      // Asked to end, killed with its supervisor, and still alive.
      if (!exited && phase === 'stopping') this.#events.emit('child:zombie', { name: plan.rules.name, incarnation });
      markStopped(plan.memory);
    } catch (error) {
      this.#events.emit('error', { error, during: `the end of '${plan.rules.name}'` });
    }
  }

  /** Asks the children to stop, and waits within the bound. */
  async #closeChildren(timeoutMs: number): Promise<void> {
    const closed = this.#client.ask<unknown>((service) => service.command({ kind: 'close' })).catch(() => undefined);
    await within(timeoutMs, closed);
  }
}
