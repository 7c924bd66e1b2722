/** When requests are made. */
import type { RefreshEvent } from '../../src/kinds/credential/refresh/refresh-types.js';
import type { HostileAnswer } from '../hostile/types.js';
import type { Invariant } from './invariants.js';
import { membersOf } from './members.js';
import type { Observation, Outcome, SeenRequest } from './observation.js';
import type { Facts } from './scenario.js';

const FLOOR_MS = 1_000;
const HOUR_MS = 3_600_000;
const BASE_MS = 500;
const LONGEST_MS = 30_000;
const LONGEST_UNSERVED_MS = 5_000;
const INVALIDATE_FLOOR_MS = 10_000;

/** What a Retry-After asks for, of which an hour is honoured: seconds, or a date by the server's own clock. */
const askedForMs = ({ headers }: HostileAnswer, wallMs: number): number => {
  const asked = headers['retry-after'];
  if (typeof asked !== 'string') return 0;
  if (/^\d+(?:\.\d+)?$/.test(asked)) return Math.min(HOUR_MS, Number(asked) * 1_000);
  if (!asked.endsWith(' GMT')) return 0;
  const from = typeof headers['date'] === 'string' ? Date.parse(headers['date']) : wallMs;
  return Math.min(HOUR_MS, Math.max(0, Date.parse(asked) - from));
};

const askedByMs = (outcome: Outcome, wallMs: number): number => {
  if (outcome.kind !== 'answered' && outcome.kind !== 'unread') return 0;
  const { status } = outcome.answer;
  return status >= 200 && status < 300 && outcome.kind === 'answered' ? 0 : askedForMs(outcome.answer, wallMs);
};

/** By the turn that decides it: the event may be what the thread dies over. */
const isUnparked = (observation: Observation): boolean =>
  observation.kind === 'turn' &&
  observation.turn.effects.some((effect) => effect.kind === 'emit' && effect.event.type === 'child:resumed');

/** The waits that are owed: from failures that the loop has taken note of. What it dies over is not known to it. */
export class Holds {
  /** No request before then. */
  untilMonoMs = -Infinity;
  /** The same, whatever has been said since. */
  longestUntilMonoMs = -Infinity;
  /** The last request's. */
  #asked: { readonly untilMonoMs: number; readonly settledMonoMs: number } | undefined;
  /** The last attempt, and the last that was made with the configuration before. */
  #attempt = 0;
  #superseded = 0;
  #retryEveryMs: number | undefined;
  #overlap = false;

  take(observation: Observation): void {
    const { monoMs, wallMs } = observation;
    switch (observation.kind) {
      case 'settled': {
        const untilMonoMs = monoMs + askedByMs(observation.outcome, wallMs);
        this.#asked = { untilMonoMs, settledMonoMs: monoMs };
        this.longestUntilMonoMs = Math.max(this.longestUntilMonoMs, untilMonoMs);
        return;
      }
      case 'turn': {
        const { event, effects } = observation.turn;
        if (isUnparked(observation) || event.kind === 'reconfigured') this.untilMonoMs = -Infinity;
        if (event.kind === 'reconfigured') this.#superseded = this.#attempt;
        for (const effect of effects) if (effect.kind === 'mint') this.#attempt = effect.attempt;
        if (!('policy' in event)) return;
        this.#retryEveryMs = event.policy.retryEveryMs;
        this.#overlap = event.policy.overlap !== undefined;
        return;
      }
      case 'deed':
        // A new configuration is held back by nothing that the one before has met.
        if (observation.deed.what === 'rotate') this.untilMonoMs = -Infinity;
        return;
      case 'process':
        this.untilMonoMs = -Infinity;
        this.#superseded = 0;
        return;
      case 'event':
        return this.#hear(observation);
      default:
    }
  }

  #hear({ type, details, monoMs }: Extract<Observation, { kind: 'event' }>): void {
    if (type === 'mint:succeeded') this.untilMonoMs = -Infinity;
    if (type !== 'mint:failed' || Number(details['attempt']) <= this.#superseded) return;
    const { class: failureClass } = details['failure'] as { class: string };
    const isOwn = this.#asked && monoMs - this.#asked.settledMonoMs < 1;
    if (isOwn) this.#hold(this.#asked!.untilMonoMs);
    if (failureClass === 'transient' && this.#retryEveryMs !== undefined && !this.#overlap) {
      this.#hold(monoMs + this.#retryEveryMs);
    }
  }

  #hold(untilMonoMs: number): void {
    this.untilMonoMs = Math.max(this.untilMonoMs, untilMonoMs);
  }
}

const oneInFlight = (): Invariant => ({
  name: 'one attempt in flight at most',
  check: (observation) =>
    observation.kind === 'request' && !observation.fenced && observation.unsettled > 0
      ? `request ${observation.request.number} beside ${observation.unsettled} that are not over`
      : undefined,
});

const oneASecond = (): Invariant => {
  let last: SeenRequest | undefined;
  return {
    name: 'one request a second at most',
    check: (observation) => {
      if (observation.kind !== 'request' || observation.fenced) return undefined;
      const { request } = observation;
      const before = last;
      last = request;
      if (before?.process !== request.process) return undefined;
      const restMs = request.sentMonoMs - before.sentMonoMs;
      return restMs < FLOOR_MS ? `request ${request.number} came ${restMs} ms after the one before` : undefined;
    },
  };
};

const backOffObeyed = (holds: Holds): Invariant => ({
  name: 'back-off obeyed',
  check: ({ kind, monoMs, ...observation }) => {
    if (kind !== 'request' || (observation as { fenced?: boolean }).fenced) return undefined;
    const earlyMs = holds.untilMonoMs - monoMs;
    return earlyMs > 1 ? `a request ${earlyMs} ms before the wait that was asked for is over` : undefined;
  },
});

/**
 * Full jitter, base 500, doubling to 30 s, to 5 s while no token can be served; never longer, but for the floor, a Retry-After,
 * `retryEveryMs`, and for the floor of `invalidate` after a refusal. A wait that was drawn before is no exception.
 */
const backOffBounded = (holds: Holds): Invariant => {
  let retryEveryMs = 0;
  let withdrawnMonoMs = -Infinity;
  let isServed = false;
  const wrongIn = (dueAtMs: number | undefined, doubledMs: number, { monoMs, wallMs }: Observation) => {
    if (dueAtMs === undefined) return undefined;
    const mostMs = Math.max(
      Math.min(isServed ? LONGEST_MS : LONGEST_UNSERVED_MS, doubledMs),
      FLOOR_MS,
      retryEveryMs,
      holds.longestUntilMonoMs - monoMs,
      withdrawnMonoMs + INVALIDATE_FLOOR_MS - monoMs,
    );
    const waitMs = dueAtMs - wallMs;
    return waitMs > mostMs + 1 ? `the next attempt is due in ${waitMs} ms, at most ${mostMs} are promised` : undefined;
  };
  return {
    name: 'no back-off longer than is promised',
    check: (observation) => {
      if (observation.kind === 'turn') {
        const { event, effects } = observation.turn;
        if ('policy' in event) retryEveryMs = event.policy.retryEveryMs ?? 0;
        // By the turn that decides it: the status is written before the event is told.
        if (effects.some(({ kind }) => kind === 'withdraw')) withdrawnMonoMs = observation.monoMs;
      }
      if (observation.kind === 'status') {
        const { state, nextAttemptAtMs } = observation.status as { state: string; nextAttemptAtMs?: number };
        isServed = !['starting', 'expired', 'parked'].includes(state);
        // While a token is good the next attempt may be its refresh; while parked it is a probe.
        return isServed || state === 'parked' ? undefined : wrongIn(nextAttemptAtMs, Infinity, observation);
      }
      if (observation.kind !== 'event' || observation.type !== 'mint:failed') return undefined;
      const { nextAttemptAtMs, consecutive } = observation.details as { nextAttemptAtMs?: number; consecutive: number };
      return wrongIn(nextAttemptAtMs, BASE_MS * 2 ** (consecutive - 1), observation);
    },
  };
};

/** Parked: no request but the slow probe, and none where a probe could spend a refresh token. */
const parkedIsQuiet = ({ grant }: Facts): Invariant => {
  const singleUse = grant.startsWith('single_use');
  let probeEveryMs = 0;
  let parked: { quietSinceMonoMs: number; ambiguous: boolean } | undefined;
  // In an overlap the second half of a probe, with the older secret, comes at the floor.
  let isSecondHalf = false;
  return {
    name: 'no request while parked, but a slow probe',
    check: (observation) => {
      const { monoMs } = observation;
      if (observation.kind === 'process') parked = undefined;
      // Whoever is not there to hear of it starts with it.
      if (observation.kind === 'deed' && observation.deed.what === 'rotate') parked = undefined;
      if (observation.kind === 'turn' && 'policy' in observation.turn.event)
        ({ probeEveryMs } = observation.turn.event.policy);
      if (observation.kind === 'turn') {
        const mint = observation.turn.effects.find((effect) => effect.kind === 'mint');
        if (mint) isSecondHalf = mint.previous === true;
      }
      if (observation.kind === 'event') {
        const { type, details } = observation;
        if (type === 'child:parked')
          parked = { quietSinceMonoMs: monoMs, ambiguous: details['why'] === 'ambiguous_exchange' };
      }
      if (isUnparked(observation)) parked = undefined;
      if (observation.kind !== 'request' || observation.fenced || !parked) return undefined;
      const restMs = monoMs - parked.quietSinceMonoMs;
      parked.quietSinceMonoMs = monoMs;
      if (singleUse || parked.ambiguous) return 'a request of a parked single-use credential';
      const leastMs = isSecondHalf ? FLOOR_MS : probeEveryMs;
      return restMs < leastMs ? `a probe after ${restMs} ms, ${leastMs} are promised` : undefined;
    },
  };
};

/** In an overlap a server that does not know the newer secret yet, or the older one no longer, parks nothing. */
const overlapParksNothing = (): Invariant => {
  let overlapUntilMonoMs = -Infinity;
  let began: { readonly monoMs: number; readonly attempt: number; readonly previous: boolean } | undefined;
  return {
    name: 'a refusal in the overlap parks nothing',
    check: (observation) => {
      // What a thread that was given up began is its own affair: it has not heard of a rotation since, and parks nothing.
      if (observation.kind === 'thread' && observation.what === 'started') began = undefined;
      if (observation.kind !== 'turn') return undefined;
      const { monoMs } = observation;
      const { event, effects } = observation.turn;
      if ('policy' in event) overlapUntilMonoMs = event.policy.overlap?.untilMonoMs ?? -Infinity;
      const parks = effects.some((effect) => effect.kind === 'emit' && effect.event.type === 'child:parked');
      if (
        parks &&
        event.kind === 'mint_failed' &&
        event.attempt === began?.attempt &&
        began.monoMs < overlapUntilMonoMs
      ) {
        const { class: failureClass, oauthError } = event.failure;
        if (failureClass === 'fatal' && oauthError === 'invalid_client') return 'parked by a secret that is not known';
        if (began.previous && failureClass !== 'ambiguous') return 'parked by what the older secret met';
      }
      for (const effect of effects) {
        if (effect.kind === 'mint') began = { monoMs, attempt: effect.attempt, previous: effect.previous === true };
      }
      return undefined;
    },
  };
};

/** `eager: false`: nobody has asked, so nothing is asked. */
const lazyIsQuiet = (): Invariant => {
  let eager = true;
  let asked = false;
  return {
    name: 'not eager: no request before somebody asks',
    check: (observation) => {
      if (observation.kind === 'options') eager = observation.options.eager ?? true;
      if (observation.kind === 'process' && observation.what === 'started') asked = false;
      if (observation.kind === 'deed' && ['get', 'refresh'].includes(observation.deed.what)) asked = true;
      return observation.kind === 'request' && !eager && !asked ? `request ${observation.request.number}` : undefined;
    },
  };
};

/** An `update()` is heard by the actor, or by its successor. */
const hearsNew = (event: RefreshEvent): boolean =>
  event.kind === 'reconfigured' ||
  (event.kind === 'started' && event.persisted !== undefined && event.persisted.revision !== event.policy.revision);

/** Nine staggered 401s cost one mint: after a refusal the next waits for the smaller of 10 s and 10 % of the life. */
const refusalsCostOneMint = (): Invariant => {
  let lastSentMonoMs = -Infinity;
  let lifeMs = 0;
  let floorUntilMonoMs = -Infinity;
  let isNewHeard = false;
  // A mint has been decided, and its request has not left: before the refusal was heard, that is no mint because of it.
  let isDecided = false;
  let isDecidedBefore = false;
  /** The newest generation that was refused, as the actor has heard. One of the future is withdrawn as well, and has no floor. */
  let refused = 0;
  const lives = new Map<number, { sentMonoMs: number; lifeMs: number }>();
  return {
    name: 'a refused token is replaced at its floor',
    check: (observation) => {
      const { monoMs } = observation;
      if (isUnparked(observation)) floorUntilMonoMs = -Infinity;
      if (observation.kind === 'process') lives.clear();
      if (observation.kind === 'process') [floorUntilMonoMs, refused] = [-Infinity, 0];
      // Nothing holds a new configuration back, from when it is heard; nor does a refusal that is told in the same turn: a
      // successor takes back once more what its predecessor died over.
      if (observation.kind === 'deed' && observation.deed.what === 'rotate') floorUntilMonoMs = -Infinity;
      if (observation.kind === 'thread') isDecided = isDecidedBefore = false;
      if (observation.kind === 'turn') {
        const { event, effects } = observation.turn;
        isNewHeard = hearsNew(event);
        if ('invalidated' in event) refused = event.invalidated;
        if (effects.some(({ kind }) => kind === 'withdraw')) isDecidedBefore = isDecided;
        isDecided ||= effects.some(({ kind }) => kind === 'mint');
      }
      if (isNewHeard) floorUntilMonoMs = -Infinity;
      if (observation.kind === 'event') {
        const { type, details } = observation;
        if (type === 'mint:succeeded') {
          floorUntilMonoMs = -Infinity;
          const generation = Number(details['generation']);
          lives.set(generation, { sentMonoMs: lastSentMonoMs, lifeMs });
        }
        if (type === 'token:withdrawn') {
          const generation = Number(details['generation']);
          const token = generation <= refused ? lives.get(generation) : undefined;
          if (token && !isNewHeard) floorUntilMonoMs = token.sentMonoMs + Math.min(10_000, token.lifeMs * 0.1);
        }
      }
      if (observation.kind === 'settled' && observation.outcome.kind === 'answered') {
        const seconds = Number(membersOf(observation.outcome.body)['expires_in']);
        lifeMs = Number.isFinite(seconds) ? seconds * 1_000 : 0;
        lastSentMonoMs = observation.request.sentMonoMs;
      }
      if (observation.kind !== 'request' || observation.fenced) return undefined;
      const earlyMs = isDecidedBefore ? 0 : floorUntilMonoMs - monoMs;
      isDecided = isDecidedBefore = false;
      return earlyMs > 1 ? `a request ${earlyMs} ms before the floor of the refused token` : undefined;
    },
  };
};

export const requestInvariants = (facts: Facts, holds: Holds): readonly Invariant[] => [
  oneInFlight(),
  oneASecond(),
  backOffObeyed(holds),
  backOffBounded(holds),
  parkedIsQuiet(facts),
  overlapParksNothing(),
  lazyIsQuiet(),
  refusalsCostOneMint(),
];
