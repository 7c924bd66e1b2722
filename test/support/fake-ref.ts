/** A reference to an actor that the test plays. */
import { ActorRef } from '../../src/messaging/actor-ref.js';
import type { CallOptions } from '../../src/messaging/call-port.js';
import type { SharedChild } from '../../src/messaging/transferable.js';

interface FakeActor {
  readonly call?: (message: unknown) => Promise<unknown>;
  readonly emit?: (type: string, details: Readonly<Record<string, unknown>>) => void;
}

export class FakeRef extends ActorRef {
  readonly #actor: FakeActor;

  constructor(child: SharedChild, actor: FakeActor = {}) {
    super(child);
    this.#actor = actor;
  }

  override call(message: unknown, options?: CallOptions): Promise<unknown> {
    return this.#actor.call ? this.#actor.call(message) : super.call(message, options);
  }

  emit(type: string, details: Readonly<Record<string, unknown>>): void {
    this.#actor.emit?.(type, details);
  }

  receiveArrived(): void {
    // Nothing is on its way: the test plays the actor in this thread.
  }
}
