/**
 * Calls to a child, whichever incarnation of it is there: over the call port of the one that runs now.
 */
import { checked, object } from '../config/check.js';
import { waitShape } from '../config/check-timeout.js';
import type { TokenvisorError } from '../core/errors.js';
import type { CallEndpoint } from './call-endpoint.js';
import { type CallOptions, CallPort, noProc } from './call-port.js';

/** Who can call an actor, and tell what became of it: the starting thread's door, or a writer in another thread. */
export interface ActorRef {
  /** See {@link CallPort.call}. */
  call(message: unknown, options?: CallOptions): Promise<unknown>;
  /** Sends a message and forgets it: what goes wrong is a `cast:failed` event. */
  cast(message: unknown): void;
  /** Tells an event of the child's, by its supervisor. */
  tell(type: string, details: Readonly<Record<string, unknown>>): void;
}

export class ActorCalls {
  readonly #child: string;
  readonly #castFailed: (error: TokenvisorError) => void;
  #calls: CallPort | undefined;
  #incarnation = 0;
  /** Ports of actors that are gone, until what they have said is heard. */
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
    // A port that has closed belongs to an incarnation that is gone.
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

  /** A new incarnation is there to be called. */
  connect(calls: CallEndpoint, incarnation: number): void {
    // One that is there still is a zombie, and will not answer.
    this.#calls?.close();
    this.#calls = new CallPort(this.#child, calls, this.#castFailed);
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

  /** An incarnation was killed, and may not end for long: what it has not answered yet it will not. */
  killed(incarnation: number): void {
    if (incarnation !== this.#incarnation) return;
    this.#calls?.close();
    this.#calls = undefined;
  }

  /** The supervisor thread died, and every actor with it; or nobody is to be called any more. */
  disconnect(): void {
    for (const calls of [this.#calls, ...this.#retired]) calls?.close();
    this.#calls = undefined;
  }
}

/** What was checked is what is used: a getter may say something else the next time. @throws CONFIG_INVALID */
export const checkCallOptions = (options: unknown, child: string): CallOptions | undefined =>
  options === undefined ? undefined : checked(callShape, options, 'options', child);

const callShape = object(waitShape);
