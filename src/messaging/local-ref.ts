/** The main thread's access to one child: its memory, its calls, and the operations of its supervisor. */
import type { TransferableWriter } from './transferable.js';
import { ActorCalls, type ActorRef } from './actor-calls.js';
import type { CallEndpoint } from './call-endpoint.js';
import type { CallOptions } from './call-port.js';
import type { ChildMemory } from '../memory/child-memory.js';
import type { TableMemory } from '../table/table-memory.js';
import { OwnerPorts, type RemoteRefOwner } from './owner-ports.js';

/** The supervisor's operations for a handle. */
export interface RefOwner extends RemoteRefOwner {
  update(change: unknown, how?: unknown): Promise<void>;
  resume(): Promise<void>;
  /** Handles pending messages of the supervisor thread. */
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

  /** Needed because shared memory may say that an actor runs before this thread has received its port. */
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

  /** @throws NOT_FOUND, STOPPED, ACTOR_DOWN if the supervisor thread dies during it */
  async writer(): Promise<TransferableWriter> {
    const { kind, name, memory, table } = this;
    const port = await this.#homes.open();
    return { tokenvisor: 1, kind, name, memory, ...(table && { table }), port };
  }

  /** Called when a new incarnation is ready for calls. */
  connect(calls: CallEndpoint, incarnation: number): void {
    this.#calls.connect(calls, incarnation);
  }

  /** Called when an incarnation has exited: it gets no more calls, but answers in transit are still awaited. */
  exited(incarnation: number): void {
    this.#calls.exited(incarnation);
  }

  /** Called when an incarnation was killed and has not ended. */
  killed(incarnation: number): void {
    this.#calls.killed(incarnation);
  }

  /** Called when the supervisor thread has died, and every actor with it. Writers wait for the next one. */
  disconnect(): void {
    this.#calls.disconnect();
  }

  /** Called when there is a new supervisor thread. */
  reconnect(): void {
    void this.#homes.reopen();
  }

  /** Called when the child is removed, for this thread and for every writer. */
  close(): void {
    this.#calls.disconnect();
    this.#homes.close();
  }
}
