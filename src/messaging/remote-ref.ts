/**
 * A writer's access to its child, from a thread other than the starting one. Two ports:
 *
 *     home   to the starting thread, which sends a new line when there is a new supervisor thread, and receives events
 *     line   to the supervisor thread, which sends the call port of each new incarnation, and reports its exit
 *
 * So a writer works across restarts while the starting thread is blocked, and across deaths of the supervisor thread.
 */
import type { MessagePort } from 'node:worker_threads';
import { drainPort } from '../core/drain-port.js';
import type { TokenvisorError } from '../core/errors.js';
import { ActorCalls, type ActorRef } from './actor-calls.js';
import { type CallEndpoint, isCallEndpoint } from './call-endpoint.js';
import type { CallOptions } from './call-port.js';

/** A message of the starting thread to a writer. */
export interface OwnerMessage {
  readonly kind: 'line';
  readonly port: MessagePort;
}

/** A message of a writer to the starting thread. */
export interface RemoteRefMessage {
  readonly kind: 'event';
  readonly type: string;
  readonly details: Readonly<Record<string, unknown>>;
}

/** A message of the supervisor thread to a writer. */
export type HubMessage =
  | { readonly kind: 'calls'; readonly incarnation: number; readonly calls: CallEndpoint }
  | { readonly kind: 'exited' | 'killed'; readonly incarnation: number };

const isLine = (message: unknown): message is OwnerMessage => {
  const { kind, port } = (message ?? {}) as Partial<OwnerMessage>;
  return kind === 'line' && typeof (port as Partial<MessagePort> | undefined)?.unref === 'function';
};

const isLineMessage = (message: unknown): message is HubMessage => {
  const { kind, incarnation, calls } = (message ?? {}) as Partial<Record<string, unknown>>;
  if (typeof incarnation !== 'number') return false;
  return kind === 'exited' || kind === 'killed' || (kind === 'calls' && isCallEndpoint(calls));
};

export class RemoteRef implements ActorRef {
  readonly #home: MessagePort;
  readonly #calls: ActorCalls;
  #line: MessagePort | undefined;

  constructor(child: string, home: MessagePort) {
    this.#home = home;
    this.#calls = new ActorCalls(child, (error: TokenvisorError) => this.tell('cast:failed', { code: error.code }));
    home.on('message', (message: unknown) => this.#open(message));
    home.once('close', () => this.close());
    // Only pending calls hold the thread open.
    home.unref();
    this.#hear();
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
    const event: RemoteRefMessage = { kind: 'event', type, details: { ...details, atMs: Date.now() } };
    this.#home.postMessage(event);
  }

  /** Closes all ports. Pending calls reject with ACTOR_DOWN, later ones with NO_PROC. */
  close(): void {
    this.#home.close();
    this.#line?.close();
    this.#line = undefined;
    this.#calls.disconnect();
  }

  /** Handles messages that have arrived before this thread's next turn: the line is there before the first call. */
  #hear(): void {
    drainPort(this.#home, (message) => this.#open(message));
    const line = this.#line;
    if (line) drainPort(line, (message) => this.#receive(message));
  }

  #open(message: unknown): void {
    // Untrusted: a port that is not from writer() may deliver anything.
    if (!isLine(message)) return;
    const { port } = message;
    this.#line?.close();
    this.#line = port;
    port.on('message', (message: unknown) => {
      if (this.#line === port) this.#receive(message);
    });
    port.once('close', () => {
      if (this.#line !== port) return;
      // The supervisor thread has died, and every actor with it.
      this.#line = undefined;
      this.#calls.disconnect();
    });
    port.unref();
  }

  #receive(message: unknown): void {
    if (!isLineMessage(message)) return;
    if (message.kind === 'calls') this.#calls.connect(message.calls, message.incarnation);
    else this.#calls[message.kind](message.incarnation);
  }
}
