/** What readers are given. */
import type { RefreshPolicy } from '../../src/kinds/credential/refresh/refresh-types.js';
import type { Token } from '../../src/oauth/token.js';
import type { Invariant } from './invariants.js';
import { membersOf } from './members.js';
import type { Observation, SeenRequest } from './observation.js';

interface Origin {
  readonly request: SeenRequest;
  readonly body: Readonly<Record<string, unknown>>;
  /** What was in force when the answer came. */
  readonly policy: RefreshPolicy;
}

/** Clocks that have parted by less count as one: they are read a moment apart, and slewed. */
const CLOCKS_PART_MS = 100;
const CENTURY_MS = 100 * 365.25 * 86_400_000;

/** `expires_in`: seconds as number or numeric string; missing: `assumeLifetimeMs`, or never with `refreshEveryMs`. */
const lifeMsOf = ({ body, policy }: Origin): number => {
  const { expires_in: seconds } = body;
  if (seconds === undefined || seconds === null) {
    if (policy.refreshEveryMs !== undefined || policy.assumeLifetimeMs === 'never') return Infinity;
    return policy.assumeLifetimeMs;
  }
  const lifeMs = Number(seconds) * 1_000;
  return lifeMs >= CENTURY_MS ? Infinity : lifeMs;
};

/** The life less the margin: the smaller of 10 s and 10 % of the life, or `marginMs`; at most 40 % of the life. */
const usableMsOf = (origin: Origin): number => {
  const lifeMs = lifeMsOf(origin);
  if (lifeMs === Infinity) return Infinity;
  return lifeMs - Math.min(origin.policy.marginMs ?? Math.min(10_000, lifeMs * 0.1), lifeMs * 0.4);
};

/** A step of the wall clock may be wrong for readers for up to a second of a living thread. */
const STEP_SEEN_MS = 1_001;

/** "No read past the margin", also after a step of the clock, once it could be seen. */
const noReadPastTheMargin = (): Invariant => {
  const origins = new Map<string, Origin>();
  let policy: RefreshPolicy | undefined;
  let excusedUntilMonoMs = -Infinity;
  let stepPending = false;
  // The instant at which a thread saw it: one that dies there may not have corrected its token.
  let stepSeenMonoMs = -Infinity;
  let frozen = false;
  let frozenSinceMonoMs = -Infinity;
  // After a suspend a step back can be told by who has seen the clock before it: not by one that was frozen over both, nor
  // by the successor of one that dies then.
  let suspended = false;
  let steppedBackMonoMs = -Infinity;
  let untoldBeforeMonoMs = -Infinity;
  const past = (token: Token, { realMs, monoMs }: Observation): string | undefined => {
    const origin = origins.get(token.value);
    if (!origin) return 'a token that no answer had';
    const ageMs = realMs - origin.request.sentRealMs;
    const isUntold = origin.request.sentMonoMs < untoldBeforeMonoMs;
    // What the clocks part by without anybody's knowing which of them is right.
    const toleratedMs = suspended ? CLOCKS_PART_MS : 0;
    if (ageMs < usableMsOf(origin) + toleratedMs || frozen || isUntold || monoMs <= excusedUntilMonoMs)
      return undefined;
    return `generation ${token.generation} is ${ageMs} ms old, its usable life is ${usableMsOf(origin)} ms`;
  };
  return {
    name: 'no read past the margin',
    check: (observation) => {
      switch (observation.kind) {
        case 'turn': {
          const { event } = observation.turn;
          if ('policy' in event) ({ policy } = event);
          if (stepPending && (event.kind === 'clock_stepped' || event.kind === 'started')) {
            stepPending = false;
            stepSeenMonoMs = observation.monoMs;
          }
          return undefined;
        }
        case 'settled': {
          const { request, outcome } = observation;
          if (outcome.kind !== 'answered' || !policy) return undefined;
          const body = membersOf(outcome.body);
          if (typeof body['access_token'] === 'string') origins.set(body['access_token'], { request, body, policy });
          return undefined;
        }
        case 'clock':
          if (observation.what === 'suspended') suspended = true;
          if (observation.what === 'stepped' && observation.byMs < 0) {
            stepPending = true;
            steppedBackMonoMs = observation.monoMs;
            excusedUntilMonoMs = observation.monoMs + STEP_SEEN_MS;
          }
          return undefined;
        case 'thread':
          if (suspended && observation.what === 'died' && observation.monoMs - steppedBackMonoMs <= STEP_SEEN_MS) {
            untoldBeforeMonoMs = observation.monoMs;
          }
          if (observation.what === 'frozen') {
            frozen = true;
            frozenSinceMonoMs = observation.monoMs;
          }
          if (observation.what !== 'frozen' && frozen) {
            frozen = false;
            if (suspended && steppedBackMonoMs >= frozenSinceMonoMs) untoldBeforeMonoMs = observation.monoMs;
            excusedUntilMonoMs = observation.monoMs + STEP_SEEN_MS;
          }
          // One that dies before its next look, or over it, hands the step on, to its successor or the supervisor.
          if (observation.what === 'died' && observation.monoMs === stepSeenMonoMs) stepPending = true;
          if (stepPending) excusedUntilMonoMs = observation.monoMs + STEP_SEEN_MS;
          return undefined;
        case 'read':
          return observation.token && past(observation.token, observation);
        case 'waited':
          return observation.token && observation.deed.what === 'get'
            ? past(observation.token, observation)
            : undefined;
        default:
          return undefined;
      }
    },
  };
};

/** Whom an API has refused is given to nobody again; and no reader is given an older token than before. */
const noReadOfARefused = (): Invariant => {
  let refused = 0;
  let seen = 0;
  return {
    name: 'no read of a refused token, nor of an older one',
    check: (observation) => {
      if (observation.kind === 'process') [refused, seen] = [0, 0];
      if (observation.kind === 'deed' && observation.deed.what === 'invalidate') {
        refused = Math.max(refused, observation.deed.generation);
      }
      if (observation.kind !== 'read' || !observation.token) return undefined;
      const { generation } = observation.token;
      if (generation <= refused) return `generation ${generation} has been refused`;
      if (generation < seen) return `generation ${generation} after ${seen}`;
      seen = generation;
      return undefined;
    },
  };
};

/** With a server that answers, a reader never meets a gap, for lives of 2 s and more. */
const noGap = (): Invariant => {
  let steady = false;
  let lifeMs = 0;
  return {
    name: 'no gap with a server that answers',
    check: (observation) => {
      if (observation.kind === 'settled' && observation.outcome.kind === 'answered') {
        lifeMs = Number(membersOf(observation.outcome.body)['expires_in']) * 1_000;
      }
      if (observation.kind === 'server' && observation.what === 'steady') steady = true;
      if (observation.kind !== 'read' || observation.token || !steady || lifeMs < 2_000) return undefined;
      return `no token to be read, of ${lifeMs} ms of life`;
    },
  };
};

export const tokenInvariants = (): readonly Invariant[] => [noReadPastTheMargin(), noReadOfARefused(), noGap()];
