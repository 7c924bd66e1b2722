/**
 * The status of a credential: combined from its supervisor's and its actor's last records, the snapshot and the clock,
 * so that it is right even if both are dead.
 */
import { childStatusOf, readSupervision, type ChildStatus } from '../../supervision/child-status.js';
import { readJson } from '../../memory/json.js';
import { systemClock } from '../../core/clock.js';
import type { MintFailure } from '../../core/errors.js';
import { Header, SNAPSHOT, STATUS } from '../../memory/layout.js';
import { readRecord, type ReadRecord } from '../../memory/record.js';
import type { SharedWords } from '../../memory/words.js';
import type { ChildPhase } from '../../supervision/core/types.js';
import type { RefreshStatus } from './refresh/refresh-types.js';

/** The state of a credential: `status().state`. */
export type CredentialState =
  /** No token yet, and no failure. */
  | 'starting'
  /** A valid token. */
  | 'fresh'
  /** A valid token, and a mint in progress. */
  | 'refreshing'
  /** A valid token, and the last mint failed. */
  | 'degraded'
  /** No valid token: the last one expired, or none could be minted. */
  | 'expired'
  /** Does not retry by itself, or only slowly; `parked` says why. It may still have a valid token. */
  | 'parked'
  /** Between two incarnations. */
  | 'restarting'
  /** A killed thread does not exit, and no successor may start beside it. */
  | 'zombie'
  /** Stopped by `terminateChild` or `close()`. */
  | 'stopped';

/** The result of `status()`. No secret, no token. Instants in ms since the Unix epoch. */
export interface CredentialStatus extends Omit<ChildStatus, 'state'> {
  /** The state. */
  readonly state: CredentialState;
  /** True if `current()` would return a token now. */
  readonly usable: boolean;
  /** Of the current token, or 0. */
  readonly generation: number;
  /** Of that token: when its request was sent. */
  readonly issuedAtMs?: number;
  /** Of that token: when it expires; `Infinity` for never. */
  readonly expiresAtMs?: number;
  /** When the next token is due. */
  readonly refreshAtMs?: number;
  /** When the next attempt is made, while attempts fail. */
  readonly nextAttemptAtMs?: number;
  /** Requests started. */
  readonly attempts: number;
  /** Tokens minted. */
  readonly mints: number;
  /** Tokens that replaced another one. */
  readonly refreshes: number;
  /** Failures in a row. */
  readonly failures: number;
  /** The last of them, and when; cleared by the next success. */
  readonly lastFailure?: MintFailure & { readonly atMs: number };
  /** Set while it is parked. */
  readonly parked?: {
    /** The server or provider refused, a single-use refresh token may be spent, or too many restarts. */
    readonly why: 'fatal_answer' | 'ambiguous_exchange' | 'restart_intensity';
    /** When it retries by itself; undefined for never. */
    readonly probeAtMs?: number;
  };
  /** True while an exchange with the token endpoint is in progress. */
  readonly exchanging: boolean;
}

/** The actor's last record of its refresh loop. */
export const readRefreshStatus = (words: SharedWords): RefreshStatus | undefined =>
  readJson(words, STATUS) as RefreshStatus | undefined;

/** The result of `status()`. */
export const readStatus = (name: string, words: SharedWords): CredentialStatus => {
  const supervision = readSupervision(words);
  const refresh = readRefreshStatus(words);
  const record = readRecord(words, SNAPSHOT);
  const live = record.payload ? record : undefined;
  const usable = live !== undefined && isUsable(words, live);
  const { incarnation, restarts, lastExit } = childStatusOf(name, supervision);
  return {
    // Not by a spread at its beginning, which would leave a map in V8's old heap each time.
    name,
    state: stateOf(supervision?.phase, refresh, usable, live !== undefined),
    usable,
    generation: live?.generation ?? 0,
    ...(live && { issuedAtMs: live.issuedAtMs, expiresAtMs: live.expiresAtMs }),
    ...(typeof refresh?.refreshAtMs === 'number' && { refreshAtMs: refresh.refreshAtMs }),
    ...(typeof refresh?.nextAttemptAtMs === 'number' && { nextAttemptAtMs: refresh.nextAttemptAtMs }),
    incarnation,
    restarts,
    attempts: refresh?.attempts ?? 0,
    mints: refresh?.mints ?? 0,
    refreshes: refresh?.refreshes ?? 0,
    failures: refresh?.failures ?? 0,
    ...(refresh?.lastFailure && { lastFailure: refresh.lastFailure }),
    ...(supervision?.phase === 'parked'
      ? { parked: { why: 'restart_intensity' as const, ...dueAt(words, supervision.dueMonoMs) } }
      : refresh?.parked && { parked: refresh.parked }),
    ...(lastExit && { lastExit }),
    exchanging: supervision?.phase === 'running' && refresh?.exchanging === true,
  };
};

/** True if it is not eager and no token was requested: it needs none. */
export const isUnasked = (words: SharedWords): boolean => {
  const supervision = readSupervision(words);
  const refresh = readRefreshStatus(words);
  if (supervision?.phase !== 'running' || refresh?.state !== 'starting') return false;
  return !refresh.exchanging && refresh.nextAttemptAtMs === undefined;
};

const isUsable = (words: SharedWords, record: ReadRecord): boolean =>
  record.generation > words.load(Header.INVALIDATED) && (words.clock ?? systemClock).wallMs() < record.usableUntilMs;

/** The supervisor uses the monotonic clock; the status shows wall time. */
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
  // A token is published a moment before the actor's status.
  if (usable && (refresh?.state === 'starting' || refresh?.state === 'expired')) return 'fresh';
  if (phase === 'starting') return refresh || hasToken ? 'restarting' : 'starting';
  if (!refresh) return 'starting';
  // The actor may be dead, or asleep until its next wake: the clock decides whether a token has expired.
  const claimsToken = refresh.state === 'fresh' || refresh.state === 'refreshing' || refresh.state === 'degraded';
  return claimsToken && hasToken && !usable ? 'expired' : refresh.state;
};
