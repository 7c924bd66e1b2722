/** What is promised of a fault, as data: written down from the options' reference and the RFCs, not from the code. */
import type { Fault } from './types.js';

export interface Promised {
  /** What becomes of the attempt: a token that is used, or a failure of that class. */
  readonly outcome: 'token' | 'transient' | 'fatal' | 'ambiguous';
  readonly reason?: string;
  readonly status?: number;
  readonly oauthError?: string;
  /** What is told of a Retry-After: ms. `none`: nothing. Of more than an hour only an hour is honoured. */
  readonly retryAfterMs?: number | 'none' | 'over an hour';
  /** The life of the token: ms, `Infinity` for never. */
  readonly lifeMs?: number;
}

/** A fault by name, and what is promised of it. */
export interface Entry {
  readonly name: string;
  readonly fault: Fault;
  /** Of an exchange that may be repeated: client credentials, a reusable refresh token. */
  readonly reusable: Promised;
  /** Of an exchange that spends a single-use refresh token. */
  readonly singleUse: Promised;
  /** When the attempt is over: as soon as the server has misbehaved, or when its own time is. */
  readonly over: 'at_once' | 'at_timeout';
  /** It takes TLS to meet it. */
  readonly tls?: true;
  /** The answer has the next refresh token, whatever else is wrong with it: it is not lost. */
  readonly hasNext?: true;
  /** The server has replaced the refresh token, and does not say so: the one that is kept is of no use (RFC 6749 §6). */
  readonly spoils?: true;
}

type More = Partial<Pick<Entry, 'over' | 'tls' | 'hasNext' | 'spoils'>>;

const entry = (name: string, fault: Fault, reusable: Promised, singleUse: Promised, more: More = {}): Entry => ({
  name,
  fault,
  reusable,
  singleUse,
  over: 'at_once',
  ...more,
});

/** What is held: the token may be spent, and nobody here can know. */
const held: Promised = { outcome: 'ambiguous', reason: 'exchange_interrupted' };

/** The answer is used. RFC 6749 §5.1: what a client does not know it ignores. */
export const used = (name: string, fault: Fault, lifeMs = 3_600_000, more: More = {}): Entry => {
  const promised: Promised = { outcome: 'token', lifeMs };
  return entry(name, fault, promised, promised, more);
};

/** A refusal by its status: the server has not done what it was asked, so that a refresh token is as it was. */
export const refused = (name: string, fault: Fault, promised: Promised): Entry =>
  entry(name, fault, promised, promised);

/** A status that leaves open what the server did. */
export const leavesOpen = (name: string, fault: Fault, promised: Promised): Entry =>
  entry(name, fault, promised, { ...held, ...(promised.status !== undefined && { status: promised.status }) });

/** A success that can't be understood: tried again; of a single-use token nobody knows what became. */
export const malformed = (name: string, fault: Fault, more: More = {}): Entry =>
  entry(name, fault, { outcome: 'transient', reason: 'malformed_answer' }, held, more);

/** A token that is of no use any more. The exchange itself was in order. */
export const expired = (name: string, fault: Fault): Entry => {
  const promised: Promised = { outcome: 'transient', reason: 'expired_answer' };
  return entry(name, fault, promised, promised);
};

/** The connection breaks after the request may have been read. */
export const lost = (name: string, fault: Fault): Entry =>
  entry(name, fault, { outcome: 'transient', reason: 'connection_lost' }, held);

/** There is no end to the answer within the time of the attempt. */
export const silent = (name: string, fault: Fault): Entry =>
  entry(name, fault, { outcome: 'transient', reason: 'timed_out' }, held, { over: 'at_timeout' });

/** Nothing was ever sent, so that nothing can be spent. */
export const unsent = (name: string, fault: Fault, promised: Promised, more: More = {}): Entry =>
  entry(name, fault, promised, promised, more);
