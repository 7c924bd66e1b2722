/**
 * One incarnation of a child: a thread launched by Piscina, in a dedicated pool whose one task lasts as long as the
 * actor. The task's promise is the actor's life, the thread's `exit` its death.
 */
import { MessageChannel, type MessagePort, type Worker } from 'node:worker_threads';
import * as Comlink from 'comlink';
import { Piscina } from 'piscina';
import type { ActorControl, ActorMessage, ActorOutcome, ActorStart } from '../../actor/thread-main.js';
import { allocateCallCounts, type CallEndpoint } from '../../messaging/call-endpoint.js';
import type { ActorLeases } from '../../actor/actor-memory.js';
import { strangeMessage } from '../../messaging/guarded-endpoint.js';
import { toWireError, type WireError } from '../../core/wire-error.js';
import { isPlainObject } from '../../core/describe.js';
import { drainPort } from '../../core/drain-port.js';
import { TokenvisorError } from '../../core/errors.js';
import type { WireOptions } from '../../secrets/reference-tree.js';
import { isError } from '../../core/realm.js';
import { threadMadeBy } from '../../core/thread-time.js';
import type { ExitReason } from '../core/terms.js';

export interface IncarnationPlan {
  readonly entry: string;
  readonly start: Omit<ActorStart, 'control' | 'events' | 'calls'>;
  readonly env: Readonly<Record<string, string>>;
  readonly execArgv: readonly string[];
  readonly resourceLimits: NonNullable<ConstructorParameters<typeof Worker>[1]>['resourceLimits'];
  readonly mailboxLimit: number;
  readonly initTimeoutMs: number;
}

export interface IncarnationListener {
  /** Init is done. `calls` is for the caller's side. */
  ready(calls: CallEndpoint): void;
  /** `timedOut`: it was not done within `initTimeoutMs`. */
  startFailed(error: WireError, timedOut: boolean): void;
  /** The thread has exited. Always the last call. */
  exited(reason: ExitReason): void;
  event(type: string, details: Readonly<Record<string, unknown>>): void;
}

export class Incarnation {
  /** The operating system's id of its thread; 0 if it is unknown. */
  readonly threadId: number;
  readonly #plan: IncarnationPlan;
  readonly #listener: IncarnationListener;
  readonly #pool: Piscina;
  readonly #abort = new AbortController();
  readonly #events: MessagePort;
  readonly #calls: CallEndpoint;
  /** Kept as long as the incarnation: an unreferenced proxy may be collected in mid-call. */
  readonly #control: Comlink.Remote<ActorControl>;
  readonly #controlPort: MessagePort;
  readonly #pending = new Set<(error: WireError) => void>();
  #booting = true;
  #made = false;
  #killed: 'killed' | 'hung' | undefined;
  #outcome: ActorOutcome | undefined;
  #uncaught: unknown;

  constructor(plan: IncarnationPlan, listener: IncarnationListener) {
    this.#plan = plan;
    this.#listener = listener;
    const control = new MessageChannel();
    const events = new MessageChannel();
    const calls = new MessageChannel();
    const counts = allocateCallCounts();
    const { mailboxLimit } = plan;
    this.#events = events.port1;
    this.#calls = { port: calls.port1, counts, mailboxLimit };
    this.#events.on('message', (message: ActorMessage) => this.#receive(message));
    this.#controlPort = control.port1;
    this.#control = Comlink.wrap<ActorControl>(control.port1);
    // No `filename` here: given to run(), a file that can't be loaded rejects; given to the pool, it may hang for ever.
    this.#pool = new Piscina({
      minThreads: 0,
      maxThreads: 1,
      maxQueue: 0,
      atomics: 'disabled',
      recordTiming: false,
      env: { ...plan.env },
      argv: [],
      execArgv: [...plan.execArgv],
      ...(plan.resourceLimits && { resourceLimits: plan.resourceLimits }),
    });
    this.#pool.on('error', (error: unknown) => (this.#uncaught ??= error));
    const task: ActorStart = {
      ...plan.start,
      control: control.port2,
      events: events.port2,
      calls: { port: calls.port2, counts, mailboxLimit },
    };
    const { made: life, threadId } = threadMadeBy(() => this.#launch(task));
    this.threadId = threadId;
    const [thread] = this.#pool.threads as readonly (Worker | undefined)[];
    this.#made = thread !== undefined;
    thread?.on('error', (error) => (this.#uncaught ??= error));
    thread?.once('exit', (code) => this.#exit(code));
    life.then(
      (outcome) => {
        this.#outcome = outcome;
        if (outcome.kind === 'start_failed') this.#failStart(outcome.error);
        this.#end();
      },
      (error: unknown) => {
        this.#uncaught ??= error;
        this.#end();
        // No thread was made: there will be no `exit` event.
        if (!thread) this.#exit(1);
      },
    );
  }

  /** Rejects if no thread can be made: Node refuses its options, or there are too many. */
  async #launch(task: ActorStart): Promise<ActorOutcome> {
    const transferList = [task.control, task.events, task.calls.port];
    try {
      return (await this.#pool.run(task, {
        filename: this.#plan.entry,
        signal: this.#abort.signal,
        transferList,
      })) as ActorOutcome;
    } catch (error) {
      // Closing a transferred port has no effect.
      for (const port of transferList) port.close();
      throw error;
    }
  }

  get leases(): ActorLeases {
    return this.#plan.start.leases;
  }

  /** True until init is done or has failed. */
  get booting(): boolean {
    return this.#booting;
  }

  /** Asks the actor to end. */
  shutDown(): void {
    void this.#control.shutDown().catch(() => undefined);
  }

  /** Passes the port of one more caller. If the actor ends before it takes it, the port closes. */
  connect(calls: CallEndpoint): void {
    void this.#control.connect(Comlink.transfer(calls, [calls.port])).catch(() => undefined);
  }

  /** Ends the thread, at any point; the exit's reason will be `reason`. */
  kill(reason: 'killed' | 'hung'): void {
    this.#killed ??= reason;
    // A thread that can't be ended may not exit for long, and will not answer any more.
    this.#abandon();
    this.#end();
  }

  /** Called when its start has taken too long: it has failed, and the thread is ended. */
  timeOutStart(): void {
    if (!this.#booting) return;
    const { name } = this.#plan.start;
    const message = `'${name}' was not started within its initTimeoutMs of ${this.#plan.initTimeoutMs} ms`;
    this.#failStart(toWireError(new TokenvisorError('START_FAILED', message, { child: name })), true);
    this.kill('killed');
  }

  /** Passes new options to the actor. Resolves with its refusal, if any; also if it dies during it. */
  reconfigure(options: WireOptions): Promise<WireError | undefined> {
    return new Promise((resolve) => {
      this.#pending.add(resolve);
      void this.#control
        .reconfigure(options)
        .catch((error: unknown) => toWireError(error))
        .then((error) => {
          this.#pending.delete(resolve);
          resolve(error);
        });
    });
  }

  #receive(message: ActorMessage): void {
    if (isEvent(message)) return this.#listener.event(message.type, message.details);
    if (!isReady(message)) return this.#listener.event('error', strangeMessage('the port of an actor', message));
    if (!this.#booting) return;
    this.#booting = false;
    this.#listener.ready(this.#calls);
  }

  #failStart(error: WireError, timedOut = false): void {
    if (!this.#booting) return;
    this.#booting = false;
    this.#listener.startFailed(error, timedOut);
  }

  /** abort() ends a running task's thread; destroy() one that is still booting. */
  #end(): void {
    // Without a thread the pool would reject a promise that has no handler.
    if (!this.#made) return;
    this.#abort.abort();
    void this.#pool.destroy();
  }

  #exit(code: number): void {
    // Messages that the actor sent before it died may be undelivered; one of them may say that its init was done.
    drainPort(this.#events, (message) => this.#receive(message as ActorMessage));
    const reason = this.#reason(code);
    const { name } = this.#plan.start;
    this.#failStart(
      reason.kind === 'crash'
        ? reason.error
        : toWireError(
            new TokenvisorError('START_FAILED', `The thread of '${name}' ended (code ${code}) during its start`),
          ),
    );
    this.#abandon();
    this.#events.close();
    this.#controlPort.close();
    this.#listener.exited(reason);
  }

  /** Rejects pending requests, which will not be answered. */
  #abandon(): void {
    const { name } = this.#plan.start;
    const gone = toWireError(new TokenvisorError('ACTOR_DOWN', `'${name}' died during the request`, { child: name }));
    for (const settle of this.#pending) settle(gone);
    this.#pending.clear();
  }

  #reason(code: number): ExitReason {
    if (this.#outcome && this.#outcome.kind !== 'start_failed') return this.#outcome;
    if (this.#outcome) return { kind: 'crash', error: this.#outcome.error };
    if (this.#killed) return { kind: this.#killed };
    const uncaught = this.#uncaught;
    // Piscina reports an unrequested exit by its own error, which is recognised only by its text.
    const exited = isError(uncaught) && uncaught.message === `worker exited with code: ${code}`;
    return uncaught === undefined || exited ? { kind: 'exit', code } : { kind: 'crash', error: toWireError(uncaught) };
  }
}

/** Validates an untrusted message: an actor's thread runs user code, and its messages must not crash this one. */
const isEvent = (message: unknown): message is Extract<ActorMessage, { kind: 'event' }> =>
  isPlainObject(message) &&
  message['kind'] === 'event' &&
  typeof message['type'] === 'string' &&
  isPlainObject(message['details']);

const isReady = (message: unknown): boolean => isPlainObject(message) && message['kind'] === 'ready';
