/**
 * The starting thread's ports to a child's writers: each sends the writer a line, another one when there is a new
 * supervisor thread, and receives its events.
 */
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { childNotFound } from '../core/child-not-found.js';
import type { OwnerMessage, RemoteRefMessage } from './remote-ref.js';
import { describeKind, isPlainObject } from '../core/describe.js';
import { TokenvisorError } from '../core/errors.js';

export interface RemoteRefOwner {
  /** Gives the supervisor thread its end of a line. Rejects if it can't. */
  openLine(line: MessagePort): Promise<void>;
  tell(type: string, details: Readonly<Record<string, unknown>>): void;
}

const isEvent = (message: unknown): message is RemoteRefMessage => {
  const { kind, type, details } = (message ?? {}) as Partial<RemoteRefMessage>;
  return kind === 'event' && TOLD.has(type) && isPlainObject(details) && Number.isFinite(details['atMs']);
};

/**
 * The events that a writer may report. Other types are refused, so that a writer can't fake the supervisor's events.
 */
const TOLD: ReadonlySet<unknown> = new Set(['cast:failed', 'write:failed', 'break-glass:cleared']);

export class OwnerPorts {
  readonly #child: string;
  readonly #owner: RemoteRefOwner;
  readonly #homes = new Set<MessagePort>();
  #closed = false;

  constructor(child: string, owner: RemoteRefOwner) {
    this.#child = child;
    this.#owner = owner;
  }

  /** The number of writers. */
  get size(): number {
    return this.#homes.size;
  }

  /** Opens the port of a new writer; its first line is already in it, with the call port if there is an actor. */
  async open(): Promise<MessagePort> {
    const { port1: home, port2: port } = new MessageChannel();
    home.on('message', (message: unknown) => this.#receive(message));
    home.once('close', () => this.#homes.delete(home));
    home.unref();
    this.#homes.add(home);
    try {
      await this.#sendLine(home);
      // Another child may have got the name meanwhile: the line would be that one's.
      if (this.#closed) throw childNotFound(this.#child);
    } catch (error) {
      home.close();
      throw error;
    }
    return port;
  }

  /** Sends new lines, because a new supervisor thread has none. */
  async reopen(): Promise<void> {
    // If the supervisor thread dies during this, the next one gets new lines.
    await Promise.allSettled([...this.#homes].map((home) => this.#sendLine(home)));
  }

  /** Called when the child is removed. */
  close(): void {
    this.#closed = true;
    for (const home of this.#homes) home.close();
    this.#homes.clear();
  }

  /** Reports a malformed message and does not throw: any code that has the port may post to it. */
  #receive(message: unknown): void {
    if (isEvent(message)) return this.#owner.tell(message.type, message.details);
    const text = `Expected a message of a writer of '${this.#child}', got ${describeKind(message)}`;
    const error = new TokenvisorError('INTERNAL', text, { child: this.#child });
    this.#owner.tell('error', { error, during: `a message of a writer of '${this.#child}'` });
  }

  async #sendLine(home: MessagePort): Promise<void> {
    const { port1, port2 } = new MessageChannel();
    const message: OwnerMessage = { kind: 'line', port: port1 };
    home.postMessage(message, [port1]);
    await this.#owner.openLine(port2);
  }
}
