/**
 * The lines of a child's writers, as the supervisor thread holds them: each is sent the call port of every incarnation,
 * and told of its exit. A line ends with its writer's thread.
 */
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { allocateCallCounts, type CallEndpoint } from './call-endpoint.js';
import type { HubMessage } from './remote-ref.js';

/** Hands the actor's end of a call port to the actor. */
type Connect = (calls: CallEndpoint) => void;

export class RemoteRefHub {
  readonly #mailboxLimit: number;
  readonly #lines = new Set<MessagePort>();
  #current: { readonly incarnation: number; readonly connect: Connect } | undefined;

  constructor(mailboxLimit: number) {
    this.#mailboxLimit = mailboxLimit;
  }

  /** How many there are. */
  get size(): number {
    return this.#lines.size;
  }

  /** A new writer's. */
  open(line: MessagePort): void {
    this.#lines.add(line);
    line.once('close', () => this.#lines.delete(line));
    line.unref();
    this.#connect(line);
  }

  /** An incarnation is there to be called. */
  connect(incarnation: number, connect: Connect): void {
    this.#current = { incarnation, connect };
    for (const line of this.#lines) this.#connect(line);
  }

  exited(incarnation: number): void {
    this.#gone('exited', incarnation);
  }

  /** It may not end for long, and will answer nobody. */
  killed(incarnation: number): void {
    this.#gone('killed', incarnation);
  }

  /** The child is forgotten. */
  close(): void {
    for (const line of this.#lines) line.close();
    this.#lines.clear();
    this.#current = undefined;
  }

  #gone(kind: 'exited' | 'killed', incarnation: number): void {
    if (this.#current?.incarnation !== incarnation) return;
    this.#current = undefined;
    for (const line of this.#lines) this.#send(line, { kind, incarnation });
  }

  #connect(line: MessagePort): void {
    if (!this.#current) return;
    const { incarnation, connect } = this.#current;
    const { port1, port2 } = new MessageChannel();
    const rest = { counts: allocateCallCounts(), mailboxLimit: this.#mailboxLimit };
    connect({ port: port2, ...rest });
    this.#send(line, { kind: 'calls', incarnation, calls: { port: port1, ...rest } }, [port1]);
  }

  #send(line: MessagePort, message: HubMessage, transfer: MessagePort[] = []): void {
    try {
      line.postMessage(message, transfer);
    } catch {
      // The other end of a port that was to be sent is gone, and so is the port: there is nobody to call.
      for (const port of transfer) port.close();
    }
  }
}
