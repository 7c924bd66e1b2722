/**
 * The starting thread's reference to an actor: it can also change and resume the child, and make writers for other
 * threads.
 */
import { ActorRef } from './actor-ref.js';
import { OwnerPorts, type RemoteRefOwner } from './owner-ports.js';
import type { SharedChild, TransferableWriter } from './transferable.js';

/** What the supervisor does for a reference. */
export interface RefOwner extends RemoteRefOwner {
  update(change: unknown, how?: unknown): Promise<void>;
  resume(): Promise<void>;
  /** Handles messages of the supervisor thread that had no turn of the event loop yet. */
  receiveArrived(): void;
}

export class LocalRef extends ActorRef {
  readonly #owner: RefOwner;
  readonly #ports: OwnerPorts;

  constructor(shared: SharedChild, owner: RefOwner) {
    super(shared);
    this.#owner = owner;
    this.#ports = new OwnerPorts(shared.name, owner);
  }

  emit(type: string, details: Readonly<Record<string, unknown>>): void {
    this.#owner.emit(type, details);
  }

  /** Shared memory says that an actor runs before this thread has had the turn in which it receives the port. */
  receiveArrived(): void {
    if (!this.connected) this.#owner.receiveArrived();
  }

  update(change: unknown, how?: unknown): Promise<void> {
    return this.#owner.update(change, how);
  }

  resume(): Promise<void> {
    return this.#owner.resume();
  }

  /** @throws NOT_FOUND, STOPPED, ACTOR_DOWN if the supervisor thread dies during it */
  async writer<KindName extends string>(kind: KindName): Promise<TransferableWriter<KindName>> {
    const { name, memory, table } = this;
    const port = await this.#ports.open();
    return { tokenvisor: 1, kind, name, memory, ...(table && { table }), port };
  }

  /** A new supervisor thread runs: each writer is connected to it. */
  reconnect(): void {
    void this.#ports.reopen();
  }

  /** Called when the child is removed, for this thread and for every writer. */
  close(): void {
    this.disconnect();
    this.#ports.close();
  }
}
