/**
 * The main thread's way to one child: its memory, its calls, and what its supervisor does for it.
 */
import { type CallEndpoint, type CallOptions, CallPort, noProc } from '../actor/call-port.js';
import { check, configError, custom, number, object, optional } from '../config/check.js';
import { MAX_TIMEOUT_MS } from '../config/check-timeout.js';
import type { TokenvisorError } from '../errors.js';
import { isAbortSignal } from '../realm.js';

/** What `handle()` returns: post it to any thread, and `attach()` it there. It can read and ask, not call. */
export interface TransferableHandle<KindName extends string = string> {
  /** The version of this form. */
  readonly tokenvisor: 1;
  /** `credential`, or `actor` for a kind of one's own. */
  readonly kind: KindName;
  /** The child's name. */
  readonly name: string;
  /** What readers see of the child: shared, not copied, when it is posted. */
  readonly memory: SharedArrayBuffer;
}

/** What the supervisor does for a door. */
export interface DoorKeeper {
  rotate(change: unknown, how?: unknown): Promise<void>;
  resume(): Promise<void>;
  castFailed(error: TokenvisorError): void;
}

export class ActorDoor {
  readonly name: string;
  readonly kind: string;
  readonly memory: SharedArrayBuffer;
  readonly #keeper: DoorKeeper;
  #calls: CallPort | undefined;
  #incarnation = 0;
  /** Ports of actors that are gone, until what they have said is heard. */
  readonly #retired = new Set<CallPort>();

  constructor(name: string, kind: string, memory: SharedArrayBuffer, keeper: DoorKeeper) {
    this.name = name;
    this.kind = kind;
    this.memory = memory;
    this.#keeper = keeper;
  }

  /** Calls the actor; see {@link CallPort.call}. */
  call(message: unknown, options?: CallOptions): Promise<unknown> {
    const { problems } = options === undefined ? NO_PROBLEMS : check(callShape, options, 'options');
    if (problems.length > 0) return Promise.reject(configError(problems, this.name));
    // A port that has closed belongs to an incarnation that is gone.
    const calls = this.#calls;
    if (!calls || calls.closed) return Promise.reject(noProc(this.name));
    return calls.call(message, options);
  }

  /** Sends a message and forgets it: what goes wrong is a `cast:failed` event. */
  cast(message: unknown): void {
    const failed = (error: unknown): void => this.#keeper.castFailed(error as TokenvisorError);
    try {
      if (!this.#calls || this.#calls.closed) throw noProc(this.name);
      this.#calls.cast(message).catch(failed);
    } catch (error) {
      failed(error);
    }
  }

  /** True while there is an actor to call. */
  get connected(): boolean {
    return this.#calls !== undefined && !this.#calls.closed;
  }

  rotate(change: unknown, how?: unknown): Promise<void> {
    return this.#keeper.rotate(change, how);
  }

  resume(): Promise<void> {
    return this.#keeper.resume();
  }

  transferable(): TransferableHandle {
    return { tokenvisor: 1, kind: this.kind, name: this.name, memory: this.memory };
  }

  /** A new incarnation is there to be called. */
  connect(calls: CallEndpoint, incarnation: number): void {
    // One that is there still is a zombie, and will not answer.
    this.#calls?.close();
    this.#calls = new CallPort(this.name, calls);
    this.#incarnation = incarnation;
  }

  /** An incarnation is gone: it is not called any more, but answers that are on their way are waited for. */
  exited(incarnation: number): void {
    const calls = this.#calls;
    if (!calls || incarnation !== this.#incarnation) return;
    this.#calls = undefined;
    this.#retired.add(calls);
    void calls.down.then(() => this.#retired.delete(calls));
  }

  /** The supervisor thread died, and every actor with it. */
  disconnect(): void {
    for (const calls of [this.#calls, ...this.#retired]) calls?.close();
    this.#calls = undefined;
  }
}

const NO_PROBLEMS = { problems: [] } as const;

const callShape = object({
  timeoutMs: optional(number({ min: 0, max: MAX_TIMEOUT_MS })),
  signal: optional(custom('an AbortSignal', (value): value is AbortSignal => isAbortSignal(value))),
});
