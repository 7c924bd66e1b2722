/**
 * A child of a user's own kind that can be called as well as read: in the starting thread, and by a writer in another one.
 */
import type { ActorRef } from '../../messaging/actor-ref.js';
import type { CallOptions } from '../../messaging/call-port.js';
import type { RemoteRef } from '../../messaging/remote-ref.js';
import { ActorReader } from './reader.js';

/** Reads from shared memory, and messages that go through the actor's mailbox. */
export class ActorClient extends ActorReader {
  readonly #ref: ActorRef;

  /** @internal */
  constructor(ref: ActorRef) {
    super(ref);
    this.#ref = ref;
  }

  /**
   * Sends a message to `handleCall` and waits for the answer. The calling thread is held open until it is there.
   *
   * @throws CALL_TIMEOUT if there is no answer in time (the message may still be handled), ACTOR_DOWN if the actor dies
   * over it, NO_PROC if there is none now, MAILBOX_FULL if `mailboxLimit` messages of this client wait already,
   * NOT_CLONEABLE for a message or an answer that can't cross, CALL_FAILED with what the handler answered, ABORTED,
   * CONFIG_INVALID for options that can't be used.
   * @example
   * const count = await counter.call<number>('increment', { timeoutMs: 1_000 });
   */
  call<Answer = unknown>(message: unknown, options?: CallOptions): Promise<Answer> {
    return this.#ref.call(message, options) as Promise<Answer>;
  }

  /** Sends a message to `handleCast` and does not wait. Never throws: a failure is a `cast:failed` event of the supervisor. */
  cast(message: unknown): void {
    this.#ref.cast(message);
  }
}

/**
 * What `attach()` makes of a `writer()`: it works over restarts of the actor, also while the starting thread is blocked.
 * If the supervisor thread dies, calls reject with NO_PROC until the starting thread has started another one. It holds its
 * thread open only while a call waits.
 */
export class ActorWriter extends ActorClient {
  readonly #remote: RemoteRef;

  /** @internal Use attach(). */
  constructor(ref: RemoteRef) {
    super(ref);
    this.#remote = ref;
  }

  /** Closes its ports, as the end of its thread does: later calls reject with NO_PROC, reads go on. */
  close(): void {
    this.#remote.close();
  }
}
