/**
 * The supervisor ports of a child's writers, held by the supervisor thread: over them each writer receives the call port
 * of every incarnation, and its exit. A port closes with its writer's thread.
 */
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { allocateCallCounts, type CallEndpoint } from './call-endpoint.js';
import type { HubMessage } from './remote-ref.js';

/** Gives the actor its end of a call port. */
type Connect = (calls: CallEndpoint) => void;

export class RemoteRefHub {
  readonly #mailboxLimit: number;
  readonly #ports = new Set<MessagePort>();
  #current: { readonly incarnation: number; readonly connect: Connect } | undefined;

  constructor(mailboxLimit: number) {
    this.#mailboxLimit = mailboxLimit;
  }

  /** How many writers are connected. */
  get size(): number {
    return this.#ports.size;
  }

  /** Connects a new writer. */
  open(port: MessagePort): void {
    this.#ports.add(port);
    port.once('close', () => this.#ports.delete(port));
    port.unref();
    this.#connect(port);
  }

  /** Connects every writer to a new incarnation. */
  connect(incarnation: number, connect: Connect): void {
    this.#current = { incarnation, connect };
    for (const port of this.#ports) this.#connect(port);
  }

  /** An incarnation has exited (`exited`), or was killed and may not exit for long (`killed`). */
  disconnect(how: 'exited' | 'killed', incarnation: number): void {
    if (this.#current?.incarnation !== incarnation) return;
    this.#current = undefined;
    for (const port of this.#ports) this.#send(port, { kind: how, incarnation });
  }

  /** The child is forgotten. */
  close(): void {
    for (const port of this.#ports) port.close();
    this.#ports.clear();
    this.#current = undefined;
  }

  #connect(port: MessagePort): void {
    if (!this.#current) return;
    const { incarnation, connect } = this.#current;
    const { port1, port2 } = new MessageChannel();
    const rest = { counts: allocateCallCounts(), mailboxLimit: this.#mailboxLimit };
    connect({ port: port2, ...rest });
    this.#send(port, { kind: 'calls', incarnation, calls: { port: port1, ...rest } }, [port1]);
  }

  #send(port: MessagePort, message: HubMessage, transfer: MessagePort[] = []): void {
    try {
      port.postMessage(message, transfer);
    } catch {
      // The actor has exited, and the other end of the call port is closed.
      for (const one of transfer) one.close();
    }
  }
}
