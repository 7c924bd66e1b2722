/** A custom child in another thread, to read and to call. */
import { ActorReader } from './reader.js';
import type { CallOptions } from '../../messaging/call-port.js';
import type { TableMemory } from '../../table/table-memory.js';
import type { RemoteRef } from '../../messaging/remote-ref.js';

/**
 * A writer, attached by `attach()`: a reader that can also call and cast, across restarts of the actor, even while the
 * starting thread is blocked. If the supervisor thread dies, calls reject with NO_PROC until the starting thread has
 * started another one. Only a pending call holds its thread open.
 */
export class ActorWriter extends ActorReader {
  readonly #line: RemoteRef;

  /** @internal Use attach(). */
  constructor(name: string, memory: SharedArrayBuffer, table: TableMemory | undefined, line: RemoteRef) {
    super(name, memory, table);
    this.#line = line;
  }

  /**
   * Sends a message to `handleCall` and waits for the answer. This thread is held open until then.
   *
   * @throws CALL_TIMEOUT if there is no answer in time (the message may still be handled), ACTOR_DOWN if the actor dies
   *   during it, NO_PROC if there is no actor now, MAILBOX_FULL if `mailboxLimit` messages of this writer wait already,
   *   NOT_CLONEABLE for a message or an answer that can't be cloned, CALL_FAILED with the handler's error, ABORTED,
   *   CONFIG_INVALID for invalid options.
   */
  call<Answer = unknown>(message: unknown, options?: CallOptions): Promise<Answer> {
    return this.#line.call(message, options) as Promise<Answer>;
  }

  /**
   * Sends a message to `handleCast` without waiting. Never throws: a failure is a `cast:failed` event of the
   * supervisor.
   */
  cast(message: unknown): void {
    this.#line.cast(message);
  }

  /** Closes its ports, as the end of its thread does: afterwards calls reject with NO_PROC, reads still work. */
  close(): void {
    this.#line.close();
  }
}
