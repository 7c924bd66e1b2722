/** The state of the refresh loop, and queries of it: what is live, what is due, and when. */
import type { Instant } from '../../../core/clock.js';
import type { Overlap, PersistedRefresh, RefreshPolicy, RefreshStatus, TokenSpans } from './refresh-types.js';
import { ageMs, tokenTimes } from './schedule.js';

/** The token in the snapshot. */
export interface KeptToken {
  readonly generation: number;
  /** When its request was sent, by the current clocks: re-anchored when they diverge. Readers use its wall time. */
  readonly sentAt: Instant;
  /** The same, monotonic, unchanged: waits are counted from it. */
  readonly mintedMonoMs: number;
  readonly spans: TokenSpans;
  /** `token:expired` has been emitted. */
  readonly expired: boolean;
}

/** The one attempt in flight. */
export interface AttemptInFlight {
  readonly number: number;
  readonly startedMonoMs: number;
  /** When its request was sent, by the current clocks: the lifetime of its answer counts from there. */
  readonly sentAt: Instant;
  /** The policy's value when the attempt began: a newer policy can't cancel a spent token. */
  readonly singleUse: boolean;
  /** It is made with the configuration before the last `update()`. */
  readonly previous?: true;
  /** It is made by the word of a user: `resume()`, or an `update()`. */
  readonly resumed?: true;
  /** A newer configuration waits for this exchange to end. */
  readonly superseded: boolean;
  /** The cause was fixed meanwhile: a failure that would park is retried. */
  readonly fixedBy?: 'user' | 'secret';
}

export interface RefreshState {
  readonly policy: RefreshPolicy;
  /** The last generation ever published. */
  readonly generation: number;
  readonly token?: KeptToken;
  /** Above `generation`: a reader wants a newer token. */
  readonly wanted: number;
  /** At `generation`: the token must not be given to readers again. */
  readonly invalidated: number;
  readonly attempt?: AttemptInFlight;
  /** The next attempt was requested after a park. */
  readonly resumed: boolean;
  /** The newer secret has just been refused, in the overlap: the next attempt uses the older one. */
  readonly tryPrevious: boolean;
  /** The part that a crash must not lose. */
  readonly memory: PersistedRefresh;
}

/** The state before `started`: nothing is wanted. */
export const initialRefreshState = (): RefreshState => ({
  policy: {
    eager: false,
    assumeLifetimeMs: 300_000,
    probeEveryMs: 300_000,
    floorMs: 1_000,
    singleUse: false,
  },
  generation: 0,
  wanted: 0,
  invalidated: 0,
  resumed: false,
  tryPrevious: false,
  memory: { failures: 0, attempts: 0, mints: 0, refreshes: 0 },
});

/** How long readers may still get the token; `Infinity`: for ever. */
const usableMs = (token: KeptToken, now: Instant): number => token.spans.usableForMs - ageMs(token.sentAt, now);

export const isUsable = (token: KeptToken, now: Instant): boolean => usableMs(token, now) > 0;

/** True while readers have a token. */
export const isServed = ({ token }: RefreshState, now: Instant): boolean => token !== undefined && isUsable(token, now);

/** True while a server may not know the newer secret yet, or no longer know the older one. */
export const isOverlap = (overlap: Overlap | undefined, monoMs: number): boolean =>
  overlap !== undefined && monoMs < overlap.untilMonoMs;

/** When an attempt is wanted, regardless of holds; `Infinity`: not at all. */
const wishedMonoMs = (state: RefreshState, now: Instant): number => {
  const { policy, memory, token } = state;
  // The second half of an attempt that has begun, also of a probe.
  if (state.tryPrevious && isOverlap(policy.overlap, now.monoMs)) return now.monoMs;
  if (memory.parked) {
    // A probe of a single-use exchange could spend the refresh token for nothing.
    if (policy.singleUse || memory.parked.why === 'ambiguous_exchange') return Infinity;
    return memory.parked.atMonoMs + policy.probeEveryMs;
  }
  if (state.wanted > state.generation) return now.monoMs;
  // Lazy means that the first token is minted on request only; after that it is kept fresh.
  if (!token) return policy.eager || state.generation > 0 ? now.monoMs : Infinity;
  return now.monoMs + token.spans.refreshAfterMs - ageMs(token.sentAt, now);
};

/** When the next attempt is due, monotonic, not before now; `Infinity`: none is planned, or one is in flight. */
export const nextAttemptMonoMs = (state: RefreshState, now: Instant): number => {
  if (state.attempt) return Infinity;
  const { lastRequestMonoMs = -Infinity, notBeforeMonoMs = -Infinity, backOffUntilMonoMs = -Infinity } = state.memory;
  const heldUntilMonoMs = Math.max(notBeforeMonoMs, backOffUntilMonoMs, lastRequestMonoMs + state.policy.floorMs);
  return Math.max(now.monoMs, wishedMonoMs(state, now), heldUntilMonoMs);
};

/** When the next thing is due: an attempt, or the `token:expired` event. */
export const wakeMonoMs = (state: RefreshState, now: Instant): number | undefined => {
  const { token } = state;
  const expiryMonoMs = token && !token.expired ? now.monoMs + usableMs(token, now) : Infinity;
  const dueMonoMs = Math.min(nextAttemptMonoMs(state, now), expiryMonoMs);
  // At least a millisecond ahead: a remainder lost in rounding would wake the loop at the same instant for ever.
  return dueMonoMs === Infinity ? undefined : Math.max(dueMonoMs, now.monoMs + 1);
};

/** When the next attempt is due, wall time; undefined: none is planned. */
export const nextAttemptAtMs = (state: RefreshState, now: Instant): number | undefined => {
  const dueMonoMs = nextAttemptMonoMs(state, now);
  return dueMonoMs === Infinity ? undefined : now.wallMs + Math.ceil(dueMonoMs - now.monoMs);
};

const stateName = (state: RefreshState, now: Instant): RefreshStatus['state'] => {
  const { memory } = state;
  if (memory.parked) return 'parked';
  if (state.generation === 0) return 'starting';
  if (!isServed(state, now)) return 'expired';
  if (memory.failures > 0) return 'degraded';
  return state.attempt ? 'refreshing' : 'fresh';
};

/** The loop's part of `status()`. */
export const statusOf = (state: RefreshState, now: Instant): RefreshStatus => {
  const { memory, token } = state;
  const attemptAtMs = nextAttemptAtMs(state, now);
  const refreshAtMs = token && tokenTimes(token.spans, token.sentAt).refreshAtMs;
  return {
    state: stateName(state, now),
    mints: memory.mints,
    refreshes: memory.refreshes,
    attempts: memory.attempts,
    failures: memory.failures,
    ...(memory.lastFailure && { lastFailure: memory.lastFailure }),
    ...(refreshAtMs !== undefined && refreshAtMs < Infinity && { refreshAtMs }),
    ...(attemptAtMs !== undefined && { nextAttemptAtMs: attemptAtMs }),
    exchanging: state.attempt !== undefined,
    ...(memory.parked && {
      parked: { why: memory.parked.why, ...(attemptAtMs !== undefined && { probeAtMs: attemptAtMs }) },
    }),
  };
};
