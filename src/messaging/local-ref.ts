/**
 * The main thread's way to one child: its memory, its calls, and what its supervisor does for it.
 */
import type { TransferableWriter } from './transferable.js';
import { ActorCalls, type ActorRef } from './actor-calls.js';
import type { CallEndpoint } from './call-endpoint.js';
import type { CallOptions } from './call-port.js';
import type { ChildMemory } from '../memory/child-memory.js';
import type { TableMemory } from '../table/table-memory.js';
import { OwnerPorts, type RemoteRefOwner } from './owner-ports.js';

/** What the supervisor does for a door. */
export interface RefOwner extends RemoteRefOwner {
  update(change: unknown, how?: unknown): Promise<void>;
  resume(): Promise<void>;
  /** Takes in what the supervisor thread has told and had no turn yet. */
  hear(): void;
}

export class LocalRef implements ActorRef {
  readonly name: string;
  readonly kind: string;
  readonly memory: SharedArrayBuffer;
  readonly table: TableMemory | undefined;
  readonly #owner: RefOwner;
  readonly #calls: ActorCalls;
  readonly #homes: OwnerPorts;

  constructor(name: string, kind: string, memory: Pick<ChildMemory, 'shared' | 'table'>, owner: RefOwner) {
    this.name = name;
    this.kind = kind;
    this.memory = memory.shared;
    this.table = memory.table;
    this.#owner = owner;
    this.#calls = new ActorCalls(name, ({ code }) => this.tell('cast:failed', { code }));
    this.#homes = new OwnerPorts(name, owner);
  }

  call(message: unknown, options?: CallOptions): Promise<unknown> {
    this.#hear();
    return this.#calls.call(message, options);
  }

  cast(message: unknown): void {
    this.#hear();
    this.#calls.cast(message);
  }

  tell(type: string, details: Readonly<Record<string, unknown>>): void {
    this.#owner.tell(type, details);
  }

  /** Shared memory says that an actor runs before this thread has had the turn in which it is handed its port. */
  #hear(): void {
    if (!this.#calls.connected) this.#owner.hear();
  }

  /** True while there is an actor to call. */
  get connected(): boolean {
    return this.#calls.connected;
  }

  update(change: unknown, how?: unknown): Promise<void> {
    return this.#owner.update(change, how);
  }

  resume(): Promise<void> {
    return this.#owner.resume();
  }

  /** @throws NOT_FOUND, STOPPED, ACTOR_DOWN if the supervisor thread dies over it. */
  async writer(): Promise<TransferableWriter> {
    const { kind, name, memory, table } = this;
    const port = await this.#homes.open();
    return { tokenvisor: 1, kind, name, memory, ...(table && { table }), port };
  }

  /** A new incarnation is there to be called. */
  connect(calls: CallEndpoint, incarnation: number): void {
    this.#calls.connect(calls, incarnation);
  }

  /** An incarnation is gone: it is not called any more, but answers that are on their way are waited for. */
  exited(incarnation: number): void {
    this.#calls.exited(incarnation);
  }

  /** An incarnation was killed and does not end. */
  killed(incarnation: number): void {
    this.#calls.killed(incarnation);
  }

  /** The supervisor thread died, and every actor with it. Writers wait for the next one. */
  disconnect(): void {
    this.#calls.disconnect();
  }

  /** There is a new supervisor thread. */
  reconnect(): void {
    void this.#homes.reopen();
  }

  /** The child is gone, for this thread and for every writer. */
  close(): void {
    this.#calls.disconnect();
    this.#homes.close();
  }
}
