/**
 * A child of one's own in another thread, to be called as well as read.
 */
import { ActorReader } from './reader.js';
import type { CallOptions } from '../../messaging/call-port.js';
import type { TableMemory } from '../../table/table-memory.js';
import type { RemoteRef } from '../../messaging/remote-ref.js';

/**
 * What `attach()` makes of a `writer()`: a reader that can also call and cast, over restarts of the actor, also while the
 * starting thread is blocked. If the supervisor thread dies, calls reject with NO_PROC until the starting thread has
 * started another one. It does not hold its thread open, but while a call waits.
 */
export class ActorWriter extends ActorReader {
  readonly #line: RemoteRef;

  /** @internal Use attach(). */
  constructor(name: string, memory: SharedArrayBuffer, table: TableMemory | undefined, line: RemoteRef) {
    super(name, memory, table);
    this.#line = line;
  }

  /**
   * Sends a message to `handleCall` and waits for the answer. This thread is held open until it is there.
   *
   * @throws CALL_TIMEOUT if there is no answer in time (the message may still be handled), ACTOR_DOWN if the actor dies
   * over it, NO_PROC if there is none now, MAILBOX_FULL if `mailboxLimit` messages of this writer wait already,
   * NOT_CLONEABLE for a message or an answer that can't cross, CALL_FAILED with what the handler answered, ABORTED,
   * CONFIG_INVALID for options that are none.
   */
  call<Answer = unknown>(message: unknown, options?: CallOptions): Promise<Answer> {
    return this.#line.call(message, options) as Promise<Answer>;
  }

  /**
   * Sends a message to `handleCast` and does not wait. Never throws: what goes wrong is a `cast:failed` event of the
   * supervisor's.
   */
  cast(message: unknown): void {
    this.#line.cast(message);
  }

  /** Lets go of its ports, as the end of its thread does: calls reject with NO_PROC then, reads go on. */
  close(): void {
    this.#line.close();
  }
}
