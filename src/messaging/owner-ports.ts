/**
 * The owner ports of a child's writers, held by the starting thread. Over them a writer receives a port to each new
 * supervisor thread, and sends its events.
 */
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { childNotFound } from '../core/child-not-found.js';
import { describeKind, isPlainObject } from '../core/describe.js';
import { TokenvisorError } from '../core/errors.js';
import type { OwnerMessage, RemoteRefMessage } from './remote-ref.js';

export interface RemoteRefOwner {
  /** Gives the supervisor thread its end of a supervisor port. Rejects if it can't. */
  connectRemote(port: MessagePort): Promise<void>;
  emit(type: string, details: Readonly<Record<string, unknown>>): void;
}

const isEvent = (message: unknown): message is RemoteRefMessage => {
  const { kind, type, details } = (message ?? {}) as Partial<RemoteRefMessage>;
  return kind === 'event' && WRITER_EVENTS.has(type) && isPlainObject(details) && Number.isFinite(details['atMs']);
};

/** The events that a writer may emit: the holder of a port can't speak for the supervisor. */
const WRITER_EVENTS: ReadonlySet<unknown> = new Set(['cast:failed', 'write:failed', 'break-glass:cleared']);

export class OwnerPorts {
  readonly #child: string;
  readonly #owner: RemoteRefOwner;
  readonly #ports = new Set<MessagePort>();
  #closed = false;

  constructor(child: string, owner: RemoteRefOwner) {
    this.#child = child;
    this.#owner = owner;
  }

  /** How many are open. */
  get size(): number {
    return this.#ports.size;
  }

  /** The port for a new writer. Its first supervisor port is queued in it, and in that the call port of a running actor. */
  async open(): Promise<MessagePort> {
    const { port1: ours, port2: theirs } = new MessageChannel();
    ours.on('message', (message: unknown) => this.#receive(message));
    ours.once('close', () => this.#ports.delete(ours));
    ours.unref();
    this.#ports.add(ours);
    try {
      await this.#connect(ours);
      // Another child may have got the name meanwhile: the connection is to that one.
      if (this.#closed) throw childNotFound(this.#child);
    } catch (error) {
      ours.close();
      throw error;
    }
    return theirs;
  }

  /** Connects every writer to a new supervisor thread. */
  async reopen(): Promise<void> {
    // If that dies meanwhile, the next one is connected.
    await Promise.allSettled([...this.#ports].map((port) => this.#connect(port)));
  }

  /** The child is gone. */
  close(): void {
    this.#closed = true;
    for (const port of this.#ports) port.close();
    this.#ports.clear();
  }

  /** Validates an untrusted port message. */
  #receive(message: unknown): void {
    if (isEvent(message)) return this.#owner.emit(message.type, message.details);
    const text = `Expected a message of a writer of '${this.#child}', got ${describeKind(message)}`;
    const error = new TokenvisorError('INTERNAL', text, { child: this.#child });
    this.#owner.emit('error', { error, during: `a message of a writer of '${this.#child}'` });
  }

  async #connect(ownerPort: MessagePort): Promise<void> {
    const { port1, port2 } = new MessageChannel();
    const message: OwnerMessage = { kind: 'supervisor', port: port1 };
    ownerPort.postMessage(message, [port1]);
    await this.#owner.connectRemote(port2);
  }
}
