/**
 * What the two ends of a call port share: counters in shared memory, and the form of a cast, which goes beside Comlink's
 * requests.
 */
import { types } from 'node:util';
import type { MessagePort } from 'node:worker_threads';

/** What a port brings with it. */
export interface CallEndpoint {
  readonly port: MessagePort;
  /** The words of {@link CallCount}. */
  readonly counts: SharedArrayBuffer;
  readonly mailboxLimit: number;
}

/** The words of a port's counters, of 32 bits each. */
export const CallCount = {
  /** How many messages of this port are on their way or in the mailbox: its sender reserves, the actor gives back. */
  RESERVED: 0,
  /** How many casts of this port the actor has handled since there was one: counted by the actor alone. */
  CASTS_HANDLED: 1,
} as const;

const COUNTS_BYTES = 8;

export const allocateCallCounts = (): SharedArrayBuffer => new SharedArrayBuffer(COUNTS_BYTES);

/** A line may bring anything, as a home may. */
export const isCallEndpoint = (calls: unknown): calls is CallEndpoint => {
  const { port, counts, mailboxLimit } = (calls ?? {}) as Partial<CallEndpoint>;
  if (typeof (port as Partial<MessagePort> | undefined)?.postMessage !== 'function') return false;
  return types.isSharedArrayBuffer(counts) && counts.byteLength === COUNTS_BYTES && typeof mailboxLimit === 'number';
};

/** A cast as it crosses: nobody answers it. */
export interface Cast {
  readonly kind: 'cast';
  readonly message: unknown;
}

/** What has crossed is plain data: nothing of it can throw. */
export const isCast = (data: unknown): data is Cast =>
  typeof data === 'object' &&
  data !== null &&
  (data as Partial<Cast>).kind === 'cast' &&
  Object.hasOwn(data, 'message');
