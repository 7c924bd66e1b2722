/**
 * The main thread's link to one supervisor thread: starts it, sends it requests, receives its messages, and detects its
 * end.
 */
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import * as Comlink from 'comlink';
import { drainPort } from '../../core/drain-port.js';
import { TokenvisorError } from '../../core/errors.js';
import { presentFile } from '../../core/package-files.js';
import { ownThreadId, threadMadeBy, threadTimes } from '../../core/thread-time.js';
import { within } from '../../core/within.js';
import { HeartbeatWatch, systemPorts } from '../thread/heartbeat-watch.js';
import { Pulse } from '../thread/supervisor-pulse.js';
import type { SupervisorBoot, SupervisorMessage, SupervisorService } from '../thread/supervisor-thread.js';
import type { SupervisorRules } from '../core/types.js';

/**
 * A supervisor thread whose event loop is silent for this long is ended, even before its first turn. Counted in checks
 * of the main thread: while it was blocked itself, it can't have seen the other one be silent.
 */
const LOOK_EVERY_MS = 1_000;
const SILENT_MS = 10_000;

export interface SupervisorClientOptions {
  readonly rules: SupervisorRules;
  readonly workerUrl: URL;
  readonly onMessage: (message: SupervisorMessage) => void;
  /** The thread has exited, and every actor with it. */
  readonly onExit: (error: unknown) => void;
}

export class SupervisorClient {
  readonly #worker: Worker;
  /** Kept as long as the link: an unreferenced proxy may be collected in mid-call. */
  readonly #service: Comlink.Remote<SupervisorService>;
  readonly #messages: MessagePort;
  readonly #onMessage: (message: SupervisorMessage) => void;
  readonly #pending = new Set<(error: Error) => void>();
  readonly #exited: Promise<void>;
  readonly #watch: NodeJS.Timeout;
  #hold: NodeJS.Timeout | undefined;
  #error: unknown;
  #gone = false;

  constructor({ rules, workerUrl, onMessage, onExit }: SupervisorClientOptions) {
    const entry = presentFile(workerUrl);
    const actorEntry = presentFile(new URL('./actor-entry.cjs', workerUrl));
    const control = new MessageChannel();
    const messages = new MessageChannel();
    const pulse = new Int32Array(new SharedArrayBuffer(Pulse.BYTES));
    const boot: SupervisorBoot = {
      rules,
      actorEntry,
      pulse: pulse.buffer,
      control: control.port2,
      messages: messages.port2,
    };
    const { made, threadId } = threadMadeBy(() =>
      newThread(entry, {
        workerData: boot,
        transferList: [control.port2, messages.port2],
        // The default would pass every secret in the environment, and a loader's options, to every thread.
        env: {},
        execArgv: [],
      }),
    );
    this.#worker = made;
    // Until the thread stores it itself.
    Atomics.compareExchange(pulse, Pulse.THREAD_ID, 0, threadId);
    this.#service = Comlink.wrap<SupervisorService>(control.port1);
    this.#messages = messages.port1;
    this.#onMessage = onMessage;
    this.#messages.on('message', onMessage);
    this.#worker.on('error', (error) => (this.#error ??= error));
    this.#watch = this.#watchPulse(pulse);
    this.#exited = new Promise((resolve) => {
      this.#worker.once('exit', () => {
        this.#down();
        control.port1.close();
        resolve();
        onExit(this.#error);
      });
    });
    this.#worker.unref();
    this.#messages.unref();
    control.port1.unref();
    this.#watch.unref();
  }

  /**
   * Sends a request to the thread; the process is held open until the answer. Rejects with ACTOR_DOWN if the thread
   * dies during it.
   */
  ask<T>(request: (service: Comlink.Remote<SupervisorService>) => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const settle = (finish: () => void): void => {
        if (!this.#pending.delete(fail)) return;
        if (this.#pending.size === 0) this.#release();
        finish();
      };
      const fail = (error: Error): void => settle(() => reject(error));
      this.#pending.add(fail);
      if (this.#gone) return fail(supervisorDown());
      this.#hold ??= setInterval(() => undefined, 60_000);
      request(this.#service).then(
        (answer) => {
          this.receiveArrived();
          settle(() => resolve(answer));
        },
        (error: unknown) => fail(error as Error),
      );
    });
  }

  /** Ends the thread and all actors; resolves with true at its exit, or with false after `timeoutMs`. */
  terminate(timeoutMs: number): Promise<boolean> {
    void this.#worker.terminate();
    return within(timeoutMs, this.#exited);
  }

  /** What was told before an answer is heard before it: the two come by ports of their own, which keep no order. */
  receiveArrived(): void {
    if (this.#gone) return;
    drainPort(this.#messages, (message) => this.#onMessage(message as SupervisorMessage));
  }

  #down(): void {
    this.#gone = true;
    clearInterval(this.#watch);
    this.#messages.close();
    for (const fail of [...this.#pending]) fail(supervisorDown());
    this.#release();
  }

  #release(): void {
    clearInterval(this.#hold);
    this.#hold = undefined;
  }

  #watchPulse(pulse: Int32Array): NodeJS.Timeout {
    const watched = {
      tick: () => Atomics.load(pulse, Pulse.TICK),
      threadId: () => Atomics.load(pulse, Pulse.THREAD_ID),
    };
    // The thread that starts a supervisor may be busy all the time.
    const ownId = ownThreadId();
    const watch = new HeartbeatWatch(watched, SILENT_MS, { ...systemPorts, ownTimes: () => threadTimes(ownId) });
    return setInterval(() => {
      if (!watch.isSilent(LOOK_EVERY_MS)) return;
      // Only once: its exit may have to wait for an actor that can't be ended, and each call awaits it again.
      clearInterval(this.#watch);
      this.#error ??= new TokenvisorError('INTERNAL', 'The supervisor thread was silent for too long and was ended');
      void this.#worker.terminate();
    }, LOOK_EVERY_MS);
  }
}

const supervisorDown = (): TokenvisorError =>
  new TokenvisorError('ACTOR_DOWN', 'The supervisor thread died during the request; it may be repeated');

/** Throws START_FAILED, with what to do, if the permission model forbids threads. */
const newThread = (...args: ConstructorParameters<typeof Worker>): Worker => {
  try {
    return new Worker(...args);
  } catch (error) {
    if ((error as { readonly code?: unknown }).code !== 'ERR_ACCESS_DENIED') throw error;
    throw new TokenvisorError(
      'START_FAILED',
      'Expected to be allowed to start threads, got ERR_ACCESS_DENIED. Start Node with --allow-worker',
      { cause: error },
    );
  }
};
