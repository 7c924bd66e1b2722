/**
 * Definitions that both ends of a call port share: counters in shared memory, and the form of a cast, which is sent
 * beside Comlink's requests.
 */
import { types } from 'node:util';
import type { MessagePort } from 'node:worker_threads';

/** A call port with its counters. */
export interface CallEndpoint {
  readonly port: MessagePort;
  /** The words of {@link CallCount}. */
  readonly counts: SharedArrayBuffer;
  readonly mailboxLimit: number;
}

/** The indices of a port's counters, 32-bit words. */
export const CallCount = {
  /** How many messages of this port are in transit or in the mailbox: the sender reserves, the actor releases. */
  RESERVED: 0,
  /** How many casts of this port the actor has handled in total: counted by the actor alone. */
  CASTS_HANDLED: 1,
} as const;

const COUNTS_BYTES = 8;

export const allocateCallCounts = (): SharedArrayBuffer => new SharedArrayBuffer(COUNTS_BYTES);

/** Validates an untrusted port message. */
export const isCallEndpoint = (calls: unknown): calls is CallEndpoint => {
  const { port, counts, mailboxLimit } = (calls ?? {}) as Partial<CallEndpoint>;
  if (typeof (port as Partial<MessagePort> | undefined)?.postMessage !== 'function') return false;
  return types.isSharedArrayBuffer(counts) && counts.byteLength === COUNTS_BYTES && typeof mailboxLimit === 'number';
};

/** A cast as it crosses: it is not answered. */
export interface Cast {
  readonly kind: 'cast';
  readonly message: unknown;
}

/** A cloned message is plain data: reading it can't throw. */
export const isCast = (data: unknown): data is Cast =>
  typeof data === 'object' &&
  data !== null &&
  (data as Partial<Cast>).kind === 'cast' &&
  Object.hasOwn(data, 'message');
