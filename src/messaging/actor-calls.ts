/** Calls to a child across restarts: they use the call port of the current incarnation. */
import { checked, object } from '../config/check.js';
import { waitShape } from '../config/check-timeout.js';
import type { TokenvisorError } from '../core/errors.js';
import type { CallEndpoint } from './call-endpoint.js';
import { type CallOptions, CallPort, noProc } from './call-port.js';

/** An object that can call an actor and report events: the starting thread's handle, or a writer in another thread. */
export interface ActorRef {
  /** See {@link CallPort.call}. */
  call(message: unknown, options?: CallOptions): Promise<unknown>;
  /** Sends a message without an answer; a failure is a `cast:failed` event. */
  cast(message: unknown): void;
  /** Emits an event of the child through its supervisor. */
  tell(type: string, details: Readonly<Record<string, unknown>>): void;
}

export class ActorCalls {
  readonly #child: string;
  readonly #castFailed: (error: TokenvisorError) => void;
  #calls: CallPort | undefined;
  #incarnation = 0;
  /** Ports of former actors, until their answers have been read. */
  readonly #retired = new Set<CallPort>();

  constructor(child: string, castFailed: (error: TokenvisorError) => void) {
    this.#child = child;
    this.#castFailed = castFailed;
  }

  call(message: unknown, options?: CallOptions): Promise<unknown> {
    let given: CallOptions | undefined;
    try {
      given = checkCallOptions(options, this.#child);
    } catch (error) {
      return Promise.reject(error);
    }
    // A closed port belongs to a former incarnation.
    const calls = this.#calls;
    if (!calls || calls.closed) return Promise.reject(noProc(this.#child));
    return calls.call(message, given);
  }

  cast(message: unknown): void {
    try {
      if (!this.#calls) throw noProc(this.#child);
      this.#calls.cast(message);
    } catch (error) {
      this.#castFailed(error as TokenvisorError);
    }
  }

  /** True while there is an actor to call. */
  get connected(): boolean {
    return this.#calls !== undefined && !this.#calls.closed;
  }

  /** Called when a new incarnation is ready for calls. */
  connect(calls: CallEndpoint, incarnation: number): void {
    // A former one that is still open is a zombie's, and will not answer.
    this.#calls?.close();
    this.#calls = new CallPort(this.#child, calls, this.#castFailed);
    this.#incarnation = incarnation;
  }

  /** Called when an incarnation has exited: it gets no more calls, but answers in transit are still awaited. */
  exited(incarnation: number): void {
    const calls = this.#calls;
    if (!calls || incarnation !== this.#incarnation) return;
    this.#calls = undefined;
    this.#retired.add(calls);
    void calls.down.then(() => this.#retired.delete(calls));
  }

  /** Called when an incarnation was killed: it may take long to end, and will not answer pending calls. */
  killed(incarnation: number): void {
    if (incarnation !== this.#incarnation) return;
    this.#calls?.close();
    this.#calls = undefined;
  }

  /** Called when the supervisor thread has died, and every actor with it, or when no more calls are allowed. */
  disconnect(): void {
    for (const calls of [this.#calls, ...this.#retired]) calls?.close();
    this.#calls = undefined;
  }
}

/** Checks the options and returns a copy: a getter may return another value the next time. @throws CONFIG_INVALID */
export const checkCallOptions = (options: unknown, child: string): CallOptions | undefined =>
  options === undefined ? undefined : checked(callShape, options, 'options', child);

const callShape = object(waitShape);
