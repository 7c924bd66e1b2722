/**
 * How a credential does: put together from what its supervisor and its actor last said, the snapshot and the clock, so
 * that it holds also when both of them are dead.
 */
import { readSupervision } from '../../supervision/child-status.js';
import { readJson } from '../../memory/json.js';
import { systemClock } from '../../core/clock.js';
import type { MintFailure } from '../../core/errors.js';
import { Header, SNAPSHOT, STATUS } from '../../memory/layout.js';
import { readRecord, type ReadRecord } from '../../memory/record.js';
import type { SharedWords } from '../../memory/words.js';
import type { ChildPhase, ExitReason } from '../../supervision/core/types.js';
import type { RefreshStatus } from './refresh/refresh-types.js';

/** How a credential does, in a word: `status().state`. */
export type CredentialState =
  /** No token yet, none has failed. */
  | 'starting'
  /** A good token. */
  | 'fresh'
  /** A good token, and a mint is under way. */
  | 'refreshing'
  /** A good token, and the last mint failed. */
  | 'degraded'
  /** No good token: the last one expired, or none could be had. */
  | 'expired'
  /** Tries no more by itself, or slowly; `parked` says why. It may still have a good token. */
  | 'parked'
  /** Between two incarnations. */
  | 'restarting'
  /** A thread that was killed does not exit, and no successor may start beside it. */
  | 'zombie'
  /** Stopped by `terminateChild` or `close()`. */
  | 'stopped';

/** What `status()` shows. No secret, no token. Instants in ms since the Unix epoch. */
export interface CredentialStatus {
  /** The child's name. */
  readonly name: string;
  /** In a word. */
  readonly state: CredentialState;
  /** True if `current()` would hand out a token now. */
  readonly usable: boolean;
  /** Of the token that is served, or 0. */
  readonly generation: number;
  /** Of that token: when its request was sent. */
  readonly issuedAtMs?: number;
  /** Of that token: when it expires; `Infinity` for never. */
  readonly expiresAtMs?: number;
  /** When the next token is due. */
  readonly refreshAtMs?: number;
  /** When the next attempt is made, while attempts fail. */
  readonly nextAttemptAtMs?: number;
  /** Counts the threads of this child, from 1; 0 before the first. */
  readonly incarnation: number;
  /** How often it was restarted. */
  readonly restarts: number;
  /** Requests begun. */
  readonly attempts: number;
  /** Tokens minted. */
  readonly mints: number;
  /** Tokens that replaced one. */
  readonly refreshes: number;
  /** Failures in a row. */
  readonly failures: number;
  /** The last of them, and when; gone after the next success. */
  readonly lastFailure?: MintFailure & { readonly atMs: number };
  /** There while it is parked. */
  readonly parked?: {
    /** A server's or provider's no, a single-use refresh token that may be spent, or too many restarts. */
    readonly why: 'fatal_answer' | 'ambiguous_exchange' | 'restart_intensity';
    /** When it is tried again by itself; undefined for never. */
    readonly probeAtMs?: number;
  };
  /** Why the last thread ended, and when. */
  readonly lastExit?: { readonly reason: ExitReason; readonly atMs: number };
  /** True while an exchange with the token endpoint is under way. */
  readonly exchanging: boolean;
}

/** What the actor last said of its refresh loop. */
export const readRefreshStatus = (words: SharedWords): RefreshStatus | undefined =>
  readJson(words, STATUS) as RefreshStatus | undefined;

/** What `status()` shows. */
export const readStatus = (name: string, words: SharedWords): CredentialStatus => {
  const supervision = readSupervision(words);
  const refresh = readRefreshStatus(words);
  const record = readRecord(words, SNAPSHOT);
  const live = record.payload ? record : undefined;
  const usable = live !== undefined && isUsable(words, live);
  return {
    name,
    state: stateOf(supervision?.phase, refresh, usable, live !== undefined),
    usable,
    generation: live?.generation ?? 0,
    ...(live && { issuedAtMs: live.issuedAtMs, expiresAtMs: live.expiresAtMs }),
    ...(typeof refresh?.refreshAtMs === 'number' && { refreshAtMs: refresh.refreshAtMs }),
    ...(typeof refresh?.nextAttemptAtMs === 'number' && { nextAttemptAtMs: refresh.nextAttemptAtMs }),
    incarnation: supervision?.incarnation ?? 0,
    restarts: supervision?.restarts ?? 0,
    attempts: refresh?.attempts ?? 0,
    mints: refresh?.mints ?? 0,
    refreshes: refresh?.refreshes ?? 0,
    failures: refresh?.failures ?? 0,
    ...(refresh?.lastFailure && { lastFailure: refresh.lastFailure }),
    ...(supervision?.phase === 'parked'
      ? { parked: { why: 'restart_intensity' as const, ...dueAt(words, supervision.dueMonoMs) } }
      : refresh?.parked && { parked: refresh.parked }),
    ...(supervision?.lastExit && { lastExit: supervision.lastExit }),
    exchanging: supervision?.phase === 'running' && refresh?.exchanging === true,
  };
};

/** Not eager, and nobody has asked yet: it has no token because it needs none. */
export const isUnasked = (words: SharedWords): boolean => {
  const supervision = readSupervision(words);
  const refresh = readRefreshStatus(words);
  if (supervision?.phase !== 'running' || refresh?.state !== 'starting') return false;
  return !refresh.exchanging && refresh.nextAttemptAtMs === undefined;
};

const isUsable = (words: SharedWords, record: ReadRecord): boolean =>
  record.generation > words.load(Header.INVALIDATED) && (words.clock ?? systemClock).wallMs() < record.usableUntilMs;

/** The supervisor counts on the monotonic clock; people read the other one. */
const dueAt = (words: SharedWords, dueMonoMs: number | undefined): { probeAtMs?: number } => {
  if (dueMonoMs === undefined) return {};
  const { wallMs, monoMs } = (words.clock ?? systemClock).now();
  return { probeAtMs: Math.round(wallMs + dueMonoMs - monoMs) };
};

const stateOf = (
  phase: ChildPhase | undefined,
  refresh: RefreshStatus | undefined,
  usable: boolean,
  hasToken: boolean,
): CredentialState => {
  switch (phase) {
    case 'stopped':
    case 'parked':
    case 'zombie':
      return phase;
    case 'restarting':
    case 'stopping':
      return 'restarting';
    default:
  }
  // A token is published a moment before the actor says so.
  if (usable && (refresh?.state === 'starting' || refresh?.state === 'expired')) return 'fresh';
  if (phase === 'starting') return refresh || hasToken ? 'restarting' : 'starting';
  if (!refresh) return 'starting';
  // The actor may be dead, or asleep until its next wake: that a token has expired is for the clock to say.
  const claimsToken = refresh.state === 'fresh' || refresh.state === 'refreshing' || refresh.state === 'degraded';
  return claimsToken && hasToken && !usable ? 'expired' : refresh.state;
};
