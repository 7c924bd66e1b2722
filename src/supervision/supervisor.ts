/**
 * The main thread's side of supervision: it owns all shared memory and the specs, holds the typed handles, and starts a
 * new supervisor thread when one dies.
 */
import { randomUUID } from 'node:crypto';
import { type Health } from '../actor/actor-reader.js';
import { fromWireError } from '../actor/wire.js';
import { systemClock } from '../clock.js';
import { TokenvisorError } from '../errors.js';
import { Events, type AnyTokenvisorEvent, type TokenvisorEventName, type TokenvisorEvents } from '../events.js';
import { allocateChildMemory } from '../memory/child-memory.js';
import { Doorbell } from '../memory/doorbell.js';
import type { AtomicWords } from '../memory/words.js';
import { ActorDoor, checkTimeout } from './actor-door.js';
import type { ChildSpec, HandleOf } from './child-spec.js';
import { type ChildPlan, stopMemory } from './child-shell.js';
import {
  checkAll,
  checkConfiguration,
  type CheckedChild,
  type CheckedSupervisorOptions,
  checkOneChild,
  encodePrepared,
  type SupervisorOptions,
} from './options.js';
import type { ChildCounts, ChildSummary } from './supervisor-state.js';
import { SupervisorLink } from './supervisor-link.js';
import type { SupervisorMessage } from './supervisor-thread.js';
import type { CommandOutcome, SupervisorCommand } from './types.js';

/** The handles of a configuration, by name and typed by kind. */
export type HandlesOf<Specs extends Readonly<Record<string, ChildSpec>>> = {
  readonly [Name in keyof Specs]: HandleOf<Specs[Name]>;
};

/** How the whole does, from shared memory. */
export interface SupervisorHealth {
  /** `ok`: every child is; `degraded`: every one can serve; `down`: one can't, or the supervisor has ended. */
  readonly status: Health;
  readonly supervisor: 'running' | 'restarting' | 'ended';
  readonly children: Readonly<Record<string, Health>>;
}

export interface ReadyOptions {
  /**
   * @default 30_000
   */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** What every handle has for its supervisor. */
interface SupervisedHandle {
  health(): Health;
  isReady(): boolean;
  doorbell(): { readonly words: AtomicWords; readonly index: number };
}

interface Child {
  readonly checked: CheckedChild;
  readonly plan: ChildPlan;
  readonly door: ActorDoor;
  readonly handle: SupervisedHandle;
}

/** Supervisor threads started at once in {@link RESTART_WINDOW_MS}; further ones wait for the window. */
const MAX_RESTARTS = 3;
const RESTART_WINDOW_MS = 60_000;
const DEFAULT_READY_MS = 30_000;
const DEFAULT_CLOSE_MS = 30_000;
/** How long an end waits for threads that have been told to. */
const EXIT_MS = 2_000;

/** Made by {@link startSupervisor}. */
export class TokenSupervisor<Specs extends Readonly<Record<string, ChildSpec>> = Readonly<Record<string, ChildSpec>>> {
  readonly #options: CheckedSupervisorOptions;
  readonly #id = randomUUID();
  readonly #events = new Events();
  readonly #byName = new Map<string, Child>();
  readonly #handles: Record<string, unknown> = {};
  readonly #workerUrl: URL;
  #link: SupervisorLink;
  #linkAtMs: number[] = [];
  #phase: 'starting' | 'running' | 'restarting' | 'closing' | 'ended' = 'starting';
  #restartTimer: NodeJS.Timeout | undefined;
  #hold: NodeJS.Timeout | undefined;
  #closing: Promise<void> | undefined;

  /** @internal Use startSupervisor. */
  constructor(options: CheckedSupervisorOptions) {
    this.#options = options;
    this.#workerUrl = options.workerUrl ?? new URL('./supervisor-entry.cjs', import.meta.url);
    this.#link = this.#openLink();
    if (options.ref) this.ref();
  }

  /** The handles, by name: `supervisor.children.github`. Those of `startChild` are added, those of `deleteChild` go. */
  get children(): HandlesOf<Specs> {
    return this.#handles as HandlesOf<Specs>;
  }

  /** Listens to an event, or with `event` to all. A listener that throws harms nobody: it is an `error` event. */
  on<Name extends TokenvisorEventName>(name: Name, listener: (event: TokenvisorEvents[Name]) => unknown): this;
  on(name: 'event', listener: (event: AnyTokenvisorEvent) => unknown): this;
  on(name: TokenvisorEventName | 'event', listener: (event: never) => unknown): this {
    this.#events.on(name, listener as never);
    return this;
  }

  once<Name extends TokenvisorEventName>(name: Name, listener: (event: TokenvisorEvents[Name]) => unknown): this;
  once(name: 'event', listener: (event: AnyTokenvisorEvent) => unknown): this;
  once(name: TokenvisorEventName | 'event', listener: (event: never) => unknown): this {
    this.#events.once(name, listener as never);
    return this;
  }

  off<Name extends TokenvisorEventName>(name: Name, listener: (event: TokenvisorEvents[Name]) => unknown): this;
  off(name: 'event', listener: (event: AnyTokenvisorEvent) => unknown): this;
  off(name: TokenvisorEventName | 'event', listener: (event: never) => unknown): this {
    this.#events.off(name, listener as never);
    return this;
  }

  /**
   * Resolves when every child can serve: each eager credential has a usable token, every other child runs.
   *
   * @throws TIMEOUT naming those that can't, PARKED as soon as one can't without help, STOPPED, ABORTED.
   */
  async ready({ timeoutMs = DEFAULT_READY_MS, signal }: ReadyOptions = {}): Promise<void> {
    checkTimeout(timeoutMs);
    const deadlineMs = systemClock.monoMs() + timeoutMs;
    for (const { handle, door } of this.#byName.values()) {
      const { words, index } = handle.doorbell();
      await new Doorbell(words, index).wait(() => handle.isReady() || undefined, {
        timeoutMs: Math.max(0, deadlineMs - systemClock.monoMs()),
        signal,
        onTimeout: () => this.#notReady(timeoutMs, door.name),
      });
    }
  }

  /** How the whole does. Synchronous: it reads shared memory. */
  health(): SupervisorHealth {
    const children: Record<string, Health> = {};
    for (const [name, { handle }] of this.#byName) children[name] = handle.health();
    const all = Object.values(children);
    const ended = this.#phase === 'ended' || this.#phase === 'closing';
    const worst = all.includes('down') ? 'down' : all.includes('degraded') ? 'degraded' : 'ok';
    return {
      status: ended ? 'down' : worst,
      supervisor: ended ? 'ended' : this.#phase === 'restarting' ? 'restarting' : 'running',
      children,
    };
  }

  /**
   * Starts one more child, and resolves with its handle when its `init` is done.
   *
   * @throws CONFIG_INVALID, ALREADY_STARTED, START_FAILED with the reason as `cause`, STOPPED.
   */
  async startChild<Handle>(name: string, spec: ChildSpec<Handle>): Promise<Handle> {
    const checked = checkOneChild(name, spec);
    this.#refuseIfEnded();
    if (this.#byName.has(name)) {
      throw new TokenvisorError('ALREADY_STARTED', `There is a child named '${name}' already: deleteChild it first`, {
        child: name,
      });
    }
    const child = this.#createChild(checked);
    try {
      unwrap(await this.#link.ask<CommandOutcome>((service) => service.startChild(child.plan)));
    } catch (error) {
      this.#forget(name);
      throw error;
    }
    return child.handle as Handle;
  }

  /** Stops a child and keeps its spec: `restartChild` starts it again. A temporary child's spec goes. */
  async terminateChild(name: string): Promise<void> {
    await this.#command({ kind: 'terminate_child', name });
  }

  /** Starts a child that was stopped. @throws NOT_FOUND, RUNNING, RESTARTING, START_FAILED. */
  async restartChild(name: string): Promise<void> {
    await this.#command({ kind: 'restart_child', name });
  }

  /** Forgets a child that is stopped, and its memory. @throws NOT_FOUND, RUNNING, RESTARTING. */
  async deleteChild(name: string): Promise<void> {
    await this.#command({ kind: 'delete_child', name });
    this.#forget(name);
  }

  /** OTP's which_children, in order of start. */
  async whichChildren(): Promise<readonly ChildSummary[]> {
    if (this.#phase === 'ended') return [];
    return this.#link.ask((service) => service.whichChildren() as Promise<readonly ChildSummary[]>);
  }

  /** OTP's count_children. */
  async countChildren(): Promise<ChildCounts> {
    if (this.#phase === 'ended') return { specs: 0, active: 0, supervisors: 0, workers: 0 };
    return this.#link.ask((service) => service.countChildren() as Promise<ChildCounts>);
  }

  /**
   * Stops all children in reverse order, each within its `shutdown`, then the threads. Bounded by `timeoutMs` (30,000 by
   * default), after which what is left is ended; never rejects. Afterwards reads throw STOPPED.
   */
  close({ timeoutMs = DEFAULT_CLOSE_MS }: { readonly timeoutMs?: number } = {}): Promise<void> {
    checkTimeout(timeoutMs);
    this.#closing ??= this.#close(timeoutMs);
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Holds the process open, until `unref()` or `close()`. */
  ref(): this {
    this.#hold ??= setInterval(() => undefined, 2 ** 30);
    return this;
  }

  /** Lets the process end: the default. */
  unref(): this {
    clearInterval(this.#hold);
    this.#hold = undefined;
    return this;
  }

  /** @internal The first start: all children, or an error and nothing left behind. */
  async start(children: readonly CheckedChild[]): Promise<void> {
    const plans = children.map((checked) => this.#createChild(checked).plan);
    try {
      unwrap(await this.#link.ask<CommandOutcome>((service) => service.start(plans)));
      this.#phase = 'running';
    } catch (error) {
      this.#phase = 'ended';
      this.unref();
      await this.#link.terminate(EXIT_MS);
      for (const { plan } of this.#byName.values()) stopMemory(plan.memory);
      if (error instanceof TokenvisorError && error.code === 'START_FAILED') throw error;
      throw new TokenvisorError('START_FAILED', 'The supervisor thread died during the start', { cause: error });
    }
  }

  /** @internal Ends a thread from outside, for what is in tokenvisor/testing: a child's, or the supervisor's own. */
  async endThread(name?: string): Promise<void> {
    this.#refuseIfEnded();
    if (name === undefined) return void (await this.#link.terminate(EXIT_MS));
    if (!this.#byName.has(name)) throw notFound(name);
    await this.#link.ask((service) => service.endThread(name));
  }

  #createChild(checked: CheckedChild): Child {
    const { name, spec, child, fenceable, wire, environment } = checked;
    const { restart, shutdown, maxRestarts, maxSeconds, ...rest } = child;
    const memory = allocateChildMemory();
    const plan: ChildPlan = {
      ...rest,
      rules: { name, restart, shutdown, maxRestarts, maxSeconds, fenceable },
      module: spec.kind.module,
      export: spec.kind.export,
      options: wire,
      owner: `${this.#id}/${name}`,
      memory,
      env: environment,
    };
    const door = new ActorDoor(name, spec.kind.name, memory.shared, {
      rotate: (next) => this.#rotate(name, next),
      resume: () => this.#command({ kind: 'resume_child', name }),
      castFailed: ({ code }) => this.#events.emit('cast:failed', { name, code }),
    });
    const created: Child = { checked, plan, door, handle: spec.kind.createHandle(door) as SupervisedHandle };
    this.#byName.set(name, created);
    this.#handles[name] = created.handle;
    return created;
  }

  #forget(name: string): void {
    this.#byName.get(name)?.door.disconnect();
    this.#byName.delete(name);
    delete this.#handles[name];
  }

  /** New options for a child: checked here, taken or refused by the actor, and kept for every restart. */
  async #rotate(name: string, next: unknown): Promise<void> {
    this.#refuseIfEnded();
    const child = this.#byName.get(name);
    if (!child) throw notFound(name);
    const { kind } = child.checked.spec;
    const rotate = kind.rotate?.bind(kind);
    if (!rotate) {
      throw new TokenvisorError('CONFIG_INVALID', `A child of kind '${kind.name}' can't be rotated`, { child: name });
    }
    const changed = checkAll((report) => {
      const prepared = rotate(child.checked.spec.options, next, name, report);
      return { ...prepared, ...encodePrepared(prepared, name, report) };
    }, name);
    const refusal = await this.#link.ask((service) => service.reconfigure(name, changed.wire));
    if (refusal) throw fromWireError(refusal);
    const plan: ChildPlan = { ...child.plan, options: changed.wire };
    if (this.#byName.has(name)) this.#byName.set(name, { ...child, plan });
  }

  async #command(command: Exclude<SupervisorCommand, { kind: 'start_child' | 'close' }>): Promise<void> {
    this.#refuseIfEnded();
    if (!this.#byName.has(command.name)) throw notFound(command.name);
    unwrap(await this.#link.ask<CommandOutcome>((service) => service.command(command)));
  }

  #refuseIfEnded(): void {
    if (this.#phase === 'closing' || this.#phase === 'ended') {
      throw new TokenvisorError('STOPPED', 'The supervisor has been closed: start another with startSupervisor()');
    }
  }

  #openLink(): SupervisorLink {
    this.#linkAtMs.push(systemClock.monoMs());
    return new SupervisorLink({
      rules: this.#options.rules,
      workerUrl: this.#workerUrl,
      onMessage: (message) => this.#receive(message),
      onExit: (error) => this.#linkExited(error),
    });
  }

  #receive(message: SupervisorMessage): void {
    switch (message.kind) {
      case 'calls': {
        const child = this.#byName.get(message.name);
        if (child) child.door.connect(message.calls);
        else message.calls.port.close();
        return;
      }
      case 'event':
        return this.#events.emit(message.type, message.details);
      case 'forgotten':
        return this.#forget(message.name);
      case 'ended':
        this.#events.emit('supervisor:ended', { reason: message.reason });
        if (message.reason === 'restart_intensity') void this.close();
    }
  }

  /** The supervisor thread is gone, and every actor with it. Start another, which adopts. */
  #linkExited(error: unknown): void {
    for (const { door } of this.#byName.values()) door.disconnect();
    if (this.#phase !== 'running' && this.#phase !== 'restarting') return;
    this.#phase = 'restarting';
    const nowMs = systemClock.monoMs();
    this.#linkAtMs = this.#linkAtMs.filter((atMs) => nowMs - atMs < RESTART_WINDOW_MS);
    // The first link was no restart, so one more than the limit may be in the window.
    const limiting = this.#linkAtMs.at(-MAX_RESTARTS - 1) ?? this.#linkAtMs.at(-MAX_RESTARTS);
    const full = this.#linkAtMs.length > MAX_RESTARTS;
    const restartInMs = full && limiting !== undefined ? RESTART_WINDOW_MS - (nowMs - limiting) : 0;
    this.#events.emit('supervisor:exited', {
      restartInMs,
      ...(error instanceof Error && { error: { name: error.name, message: error.message } }),
    });
    if (restartInMs === 0) return this.#replaceLink();
    this.#restartTimer = setTimeout(() => this.#replaceLink(), restartInMs).unref();
  }

  #replaceLink(): void {
    if (this.#phase !== 'restarting') return;
    this.#link = this.#openLink();
    const plans = [...this.#byName.values()].map(({ plan }) => plan);
    this.#link
      .ask((service) => service.adopt(plans))
      .then(() => {
        if (this.#phase !== 'restarting') return;
        this.#phase = 'running';
        this.#events.emit('supervisor:restarted', {});
      })
      // It died over it: its exit has been seen, and is handled above.
      .catch(() => undefined);
  }

  async #close(timeoutMs: number): Promise<void> {
    if (this.#phase === 'ended') return;
    const wasRestarting = this.#phase === 'restarting';
    this.#phase = 'closing';
    clearTimeout(this.#restartTimer);
    this.unref();
    if (!wasRestarting) await this.#closeChildren(timeoutMs);
    await this.#link.terminate(EXIT_MS);
    this.#phase = 'ended';
    for (const { plan, door } of this.#byName.values()) {
      door.disconnect();
      stopMemory(plan.memory);
    }
  }

  /** Asks, and waits no longer than the bound. */
  async #closeChildren(timeoutMs: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, timeoutMs);
    });
    const closed = this.#link.ask<CommandOutcome>((service) => service.command({ kind: 'close' })).catch(() => undefined);
    await Promise.race([closed, late]);
    clearTimeout(timer);
  }

  #notReady(timeoutMs: number, name: string): TokenvisorError {
    const waiting = [...this.#byName].filter(([, { handle }]) => handle.health() === 'down').map(([child]) => `'${child}'`);
    const message = `Not ready within ${timeoutMs} ms: ${waiting.join(', ') || `'${name}'`} can't serve yet; see status() of each`;
    return new TokenvisorError('TIMEOUT', message, { child: name });
  }
}

const notFound = (name: string): TokenvisorError =>
  new TokenvisorError('NOT_FOUND', `There is no child named '${name}'`, { child: name });

const unwrap = (outcome: CommandOutcome): void => {
  if (!outcome.ok) throw fromWireError(outcome.error, 'START_FAILED');
};

/**
 * Starts a supervisor and its children, and resolves when every child's `init` is done. It does not wait for tokens:
 * `ready()` does.
 *
 * @param children what `credential()` and `actor()` return, by name; started in this order, stopped in reverse.
 * @throws CONFIG_INVALID with every problem in it; START_FAILED with the child and the reason, nothing left running.
 * @example
 * const supervisor = await startSupervisor({
 *   github: credential({ provider: clientCredentials({ issuer, clientId, clientSecret: env('GITHUB_SECRET') }) }),
 * });
 * await supervisor.ready();
 * supervisor.children.github.current().authorization;
 */
export const startSupervisor = async <const Specs extends Readonly<Record<string, ChildSpec>>>(
  children: Specs,
  options: SupervisorOptions = {},
): Promise<TokenSupervisor<Specs>> => {
  const checked = checkConfiguration(children, options);
  const supervisor = new TokenSupervisor<Specs>(checked.supervisor);
  await supervisor.start(checked.children);
  return supervisor;
};
