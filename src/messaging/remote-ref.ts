/**
 * A writer's reference to an actor, in a thread other than the starting one. It has two ports:
 *
 *     owner port       to the starting thread: receives a new supervisor port after a restart of the supervisor thread, sends events
 *     supervisor port  to the supervisor thread: receives the call port of each incarnation, and its exit
 *
 * So calls go on over restarts of the actor while the starting thread is blocked, and over deaths of the supervisor thread.
 */
import type { MessagePort } from 'node:worker_threads';
import { drainPort } from '../core/drain-port.js';
import { ActorRef } from './actor-ref.js';
import { type CallEndpoint, isCallEndpoint } from './call-endpoint.js';
import type { SharedChild } from './transferable.js';

/** The starting thread sends this on the owner port. */
export interface OwnerMessage {
  readonly kind: 'supervisor';
  readonly port: MessagePort;
}

/** A writer sends this on the owner port. */
export interface RemoteRefMessage {
  readonly kind: 'event';
  readonly type: string;
  readonly details: Readonly<Record<string, unknown>>;
}

/** The supervisor thread sends this on the supervisor port. */
export type HubMessage =
  | { readonly kind: 'calls'; readonly incarnation: number; readonly calls: CallEndpoint }
  | { readonly kind: 'exited' | 'killed'; readonly incarnation: number };

const isOwnerMessage = (message: unknown): message is OwnerMessage => {
  const { kind, port } = (message ?? {}) as Partial<OwnerMessage>;
  return kind === 'supervisor' && typeof (port as Partial<MessagePort> | undefined)?.unref === 'function';
};

const isHubMessage = (message: unknown): message is HubMessage => {
  const { kind, incarnation, calls } = (message ?? {}) as Partial<Record<string, unknown>>;
  if (typeof incarnation !== 'number') return false;
  return kind === 'exited' || kind === 'killed' || (kind === 'calls' && isCallEndpoint(calls));
};

export class RemoteRef extends ActorRef {
  readonly #owner: MessagePort;
  #supervisor: MessagePort | undefined;

  constructor(shared: SharedChild, owner: MessagePort) {
    super(shared);
    this.#owner = owner;
    owner.on('message', (message: unknown) => this.#open(message));
    owner.once('close', () => this.close());
    // Open calls hold the thread open; the ports do not.
    owner.unref();
    this.receiveArrived();
  }

  emit(type: string, details: Readonly<Record<string, unknown>>): void {
    const event: RemoteRefMessage = { kind: 'event', type, details: { ...details, atMs: Date.now() } };
    this.#owner.postMessage(event);
  }

  /** Closes all ports. Open calls reject with ACTOR_DOWN, later ones with NO_PROC. */
  close(): void {
    this.#owner.close();
    this.#supervisor?.close();
    this.#supervisor = undefined;
    this.disconnect();
  }

  receiveArrived(): void {
    drainPort(this.#owner, (message) => this.#open(message));
    const supervisor = this.#supervisor;
    if (supervisor) drainPort(supervisor, (message) => this.#receive(message));
  }

  #open(message: unknown): void {
    // Validates an untrusted message: any code with the other end of the port may post to it.
    if (!isOwnerMessage(message)) return;
    const { port } = message;
    this.#supervisor?.close();
    this.#supervisor = port;
    port.on('message', (message: unknown) => {
      if (this.#supervisor === port) this.#receive(message);
    });
    port.once('close', () => {
      if (this.#supervisor !== port) return;
      // The supervisor thread has exited, and every actor with it.
      this.#supervisor = undefined;
      this.disconnect();
    });
    port.unref();
  }

  #receive(message: unknown): void {
    if (!isHubMessage(message)) return;
    if (message.kind === 'calls') this.connect(message.calls, message.incarnation);
    else this[message.kind](message.incarnation);
  }
}
