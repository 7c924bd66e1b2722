/**
 * Runs the pure supervisor core: gives it events, and carries out the effects that it returns. The supervisor thread and
 * the test supervisor, whose children share its thread, differ in the ports that they pass.
 */
import type { Clock, Timer } from '../../core/clock.js';
import type { WireError } from '../../core/wire-error.js';
import type { CallEndpoint } from '../../messaging/call-endpoint.js';
import { initialSupervisorState, supervise, type SupervisorState } from '../core/supervisor-core.js';
import type { ExitReason } from '../core/terms.js';
import type {
  CommandOutcome,
  SupervisionNotice,
  SupervisorCommand,
  SupervisorEffect,
  SupervisorEvent,
  SupervisorRules,
} from '../core/types.js';
import type { ChildPlan, ChildShell } from './child-shell.js';

/** What differs between a supervisor thread and a supervisor whose children run in its own thread. */
export interface EffectPorts {
  readonly clock: Clock;
  createShell(plan: ChildPlan): ChildShell;
  /** How much of the time up to `monoMs` this thread was kept from running: ms. */
  notLivedMs(monoMs: number): number;
  emit(type: string, details: Readonly<Record<string, unknown>>): void;
  /** An event that a child's actor has emitted. */
  emitOf(name: string, type: string, details: Readonly<Record<string, unknown>>): void;
  /** An incarnation can be called. */
  connect(name: string, incarnation: number, calls: CallEndpoint): void;
  /** It can't be called any more: it has exited, or was killed and does not exit. Comes before the event that says so. */
  disconnect(name: string, incarnation: number, how: 'exited' | 'killed'): void;
  forget(name: string): void;
  end(reason: string): void;
  /** Called before each effect, which may take long. */
  onEffect?(): void;
  redact(error: WireError, plan: ChildPlan): WireError;
}

export class EffectRunner {
  readonly children = new Map<string, ChildShell>();
  readonly #ports: EffectPorts;
  readonly #requests = new Map<number, (outcome: CommandOutcome) => void>();
  readonly #queue: SupervisorEvent[] = [];
  #state: SupervisorState;
  #dispatching = false;
  #lastRequest = 0;
  #wake: Timer | undefined;

  constructor(rules: SupervisorRules, ports: EffectPorts) {
    this.#ports = ports;
    this.#state = initialSupervisorState(rules);
  }

  get state(): SupervisorState {
    return this.#state;
  }

  /** The first start: all children at once. */
  start(plans: readonly ChildPlan[]): Promise<CommandOutcome> {
    for (const plan of plans) this.add(plan);
    return this.#request((request) => ({ kind: 'start', request, children: plans.map(({ rules }) => rules) }));
  }

  command(command: SupervisorCommand): Promise<CommandOutcome> {
    return this.#request((request) => ({ kind: 'command', request, command }));
  }

  add(plan: ChildPlan): ChildShell {
    const shell = this.#ports.createShell(plan);
    this.children.set(plan.rules.name, shell);
    return shell;
  }

  /** An effect may cause an event at once: that one waits until the effects before it are carried out. */
  dispatch(event: SupervisorEvent): void {
    this.#queue.push(event);
    if (this.#dispatching) return;
    this.#dispatching = true;
    try {
      for (let next = this.#queue.shift(); next; next = this.#queue.shift()) {
        const now = this.#ports.clock.now();
        const { state, effects } = supervise(this.#state, next, {
          ...now,
          notLivedMs: this.#ports.notLivedMs(now.monoMs),
        });
        this.#state = state;
        for (const effect of effects) this.#carryOut(effect);
      }
    } finally {
      this.#dispatching = false;
    }
  }

  /** Cancels the timer of the next deadline. */
  stop(): void {
    this.#wake?.cancel();
  }

  #request(event: (request: number) => SupervisorEvent): Promise<CommandOutcome> {
    this.#lastRequest += 1;
    const request = this.#lastRequest;
    return new Promise((resolve) => {
      this.#requests.set(request, resolve);
      this.dispatch(event(request));
    });
  }

  #carryOut(effect: SupervisorEffect): void {
    this.#ports.onEffect?.();
    switch (effect.kind) {
      case 'spawn':
        return this.#spawn(effect.name, effect.incarnation);
      case 'shut_down':
        return this.children.get(effect.name)?.incarnation(effect.incarnation)?.shutDown();
      case 'kill':
        return this.children.get(effect.name)?.kill(effect.incarnation, effect.reason);
      case 'persist':
        return this.children.get(effect.name)?.persist(effect.persisted);
      case 'withdraw':
        return this.children.get(effect.name)?.withdraw();
      case 'forget':
        this.children.get(effect.name)?.wipe();
        this.children.delete(effect.name);
        return this.#ports.forget(effect.name);
      case 'reply':
        this.#requests.get(effect.request)?.(effect.outcome);
        return void this.#requests.delete(effect.request);
      case 'report':
        return this.#ports.emit('supervisor:report', { ...effect.report });
      case 'notice':
        return this.#notice(effect.notice);
      case 'wake':
        return this.#wakeAt(effect.atMonoMs);
      case 'end':
        return this.#ports.end(effect.reason);
    }
  }

  #notice(notice: SupervisionNotice): void {
    const { type, ...details } = notice;
    if (type === 'child:exited') this.#ports.disconnect(notice.name, notice.incarnation, 'exited');
    if (type === 'child:zombie') this.#ports.disconnect(notice.name, notice.incarnation, 'killed');
    const probe = 'retryInMs' in details && { probeAtMs: this.#ports.clock.wallMs() + details.retryInMs };
    this.#ports.emit(type, { ...details, ...probe });
  }

  #spawn(name: string, incarnation: number): void {
    const child = this.children.get(name);
    if (!child) return;
    const who = { name, incarnation } as const;
    const redact = (error: WireError): WireError => this.#ports.redact(error, child.plan);
    child.spawn(incarnation, {
      ready: (calls) => {
        this.#ports.connect(name, incarnation, calls);
        this.dispatch({ kind: 'started', ...who });
      },
      startFailed: (error, timedOut) => this.dispatch({ kind: 'start_failed', ...who, error: redact(error), timedOut }),
      exited: (reason) => this.dispatch({ kind: 'exited', ...who, reason: redactExit(reason, redact) }),
      event: (type, details) => this.#ports.emitOf(name, type, details),
    });
  }

  #wakeAt(atMonoMs: number | undefined): void {
    const { clock } = this.#ports;
    this.#wake?.cancel();
    this.#wake =
      atMonoMs === undefined
        ? undefined
        : clock.setTimer(atMonoMs - clock.monoMs(), () => this.dispatch({ kind: 'woken' }));
  }
}

const redactExit = (reason: ExitReason, redact: (error: WireError) => WireError): ExitReason =>
  reason.kind === 'crash' ? { ...reason, error: redact(reason.error) } : reason;
