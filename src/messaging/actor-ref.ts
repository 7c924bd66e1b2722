/**
 * A reference to an actor, as Elixir's to a named process: it calls the incarnation that runs now, over restarts. The
 * starting thread holds a {@link LocalRef}, each writer in another thread a {@link RemoteRef}.
 */
import { checked, object } from '../config/check.js';
import { waitShape } from '../config/check-timeout.js';
import { TokenvisorError } from '../core/errors.js';
import type { TableMemory } from '../table/table-memory.js';
import type { CallEndpoint } from './call-endpoint.js';
import { type CallOptions, CallPort, noProc } from './call-port.js';
import type { SharedChild } from './transferable.js';

export abstract class ActorRef implements SharedChild {
  readonly name: string;
  readonly memory: SharedArrayBuffer;
  readonly table: TableMemory | undefined;
  #calls: CallPort | undefined;
  #incarnation = 0;
  /** Ports of actors that have exited, until the answers they sent have arrived. */
  readonly #retired = new Set<CallPort>();

  constructor({ name, memory, table }: SharedChild) {
    this.name = name;
    this.memory = memory;
    this.table = table;
  }

  /** Emits an event of the child on its supervisor. */
  abstract emit(type: string, details: Readonly<Record<string, unknown>>): void;

  /** Handles messages that have arrived but had no turn of the event loop yet, such as a new call port. */
  abstract receiveArrived(): void;

  /** See {@link CallPort.call}. */
  call(message: unknown, options?: CallOptions): Promise<unknown> {
    this.receiveArrived();
    let given: CallOptions | undefined;
    try {
      given = checkCallOptions(options, this.name);
    } catch (error) {
      return Promise.reject(error);
    }
    // A closed port belongs to an incarnation that has exited.
    const calls = this.#calls;
    if (!calls || calls.closed) return Promise.reject(noProc(this.name));
    return calls.call(message, given);
  }

  /** Sends a message without waiting. A failure is a `cast:failed` event. */
  cast(message: unknown): void {
    this.receiveArrived();
    try {
      if (!this.#calls) throw noProc(this.name);
      this.#calls.cast(message);
    } catch (error) {
      this.#castFailed(error);
    }
  }

  /** True while an actor can be called. */
  get connected(): boolean {
    return this.#calls !== undefined && !this.#calls.closed;
  }

  /** Calls go to this incarnation from now on. */
  connect(calls: CallEndpoint, incarnation: number): void {
    // The port of an incarnation that still runs is a zombie's, which will not answer.
    this.#calls?.close();
    this.#calls = new CallPort(this.name, calls, (error) => this.#castFailed(error));
    this.#incarnation = incarnation;
  }

  /** An incarnation has exited: it is not called any more, but answers that are on their way are awaited. */
  exited(incarnation: number): void {
    const calls = this.#calls;
    if (!calls || incarnation !== this.#incarnation) return;
    this.#calls = undefined;
    this.#retired.add(calls);
    void calls.down.then(() => this.#retired.delete(calls));
  }

  /** An incarnation was killed and may not exit for long: open calls reject. */
  killed(incarnation: number): void {
    if (incarnation !== this.#incarnation) return;
    this.#calls?.close();
    this.#calls = undefined;
  }

  /** Rejects open calls: the supervisor thread died and every actor with it, or the child is gone. */
  disconnect(): void {
    for (const calls of [this.#calls, ...this.#retired]) calls?.close();
    this.#calls = undefined;
  }

  #castFailed(error: unknown): void {
    this.emit('cast:failed', { code: error instanceof TokenvisorError ? error.code : 'INTERNAL' });
  }
}

/** Reads each option once: a getter may return another value the next time. @throws CONFIG_INVALID */
export const checkCallOptions = (options: unknown, child: string): CallOptions | undefined =>
  options === undefined ? undefined : checked(callShape, options, 'options', child);

const callShape = object(waitShape);
