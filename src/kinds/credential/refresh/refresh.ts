/**
 * The refresh loop of a credential: (state, event, now) to the next state and its effects. Pure.
 *
 * Each event first changes the state: a token, a failure, a request. Then, for any event, the same five steps decide
 * what follows: is the token withdrawn, was the clock set back, has it expired, is a back-off too long without a token,
 * is an attempt due. So nothing depends on the order of events, a spurious wake is harmless, and the last effect always
 * sets the next wake.
 */
import type { Instant } from '../../../core/clock.js';
import { clearFailures, endInFailure, heedSource, meetObstacle, resume } from './refresh-failure.js';
import { isOverlap, isServed, isUsable, nextAttemptMonoMs, wakeMonoMs, type RefreshState } from './refresh-state.js';
import { Turn, type EventOf } from './refresh-transition.js';
import type { AdoptedToken, RefreshEffect, RefreshEvent } from './refresh-types.js';
import {
  ageMs,
  anchored,
  backOffCapMs,
  CLOCK_TOLERANCE_MS,
  expiredAnswer,
  invalidateFloorMs,
  tokenSpans,
  tokenTimes,
} from './schedule.js';

export interface RefreshResult {
  readonly state: RefreshState;
  readonly effects: readonly RefreshEffect[];
}

/** The longest hold of an attempt: ms. A persisted one that is longer was not written by this loop. */
const LONGEST_HOLD_MS = 3_600_000;

/**
 * Handles one event.
 *
 * Carry the effects out in order. `persist`, if there is one, is the first; `wake` is always the last.
 *
 * @param random A number in [0, 1): drawn for the jitter of a new token and of a back-off.
 */
export const refresh = (
  before: RefreshState,
  event: RefreshEvent,
  now: Instant,
  random: () => number,
): RefreshResult => {
  const turn = new Turn(before, now, random);
  take(turn, event);
  withdrawIfInvalidated(turn);
  followClock(turn);
  tellIfExpired(turn);
  hurryIfUnserved(turn);
  mintIfDue(turn);
  const { state, effects } = turn;
  const { memory } = state;
  return {
    state,
    effects: [
      ...(memory === before.memory ? [] : [{ kind: 'persist', persisted: memory } as const]),
      ...effects,
      { kind: 'wake', atMonoMs: wakeMonoMs(state, now) },
    ],
  };
};

const take = (turn: Turn, event: RefreshEvent): void => {
  switch (event.kind) {
    case 'started':
      return start(turn, event);
    case 'minted':
      return takeAnswer(turn, event);
    case 'mint_failed':
      if (turn.state.attempt?.number === event.attempt) endInFailure(turn, turn.state.attempt, event.failure);
      return;
    case 'requested':
      return heed(turn, event);
    case 'woken':
      return;
    case 'clock_stepped':
      // Listeners must find the token corrected.
      followClock(turn);
      return turn.emit({ type: 'clock:stepped', byMs: event.byMs });
    case 'source_changed':
      return heedSource(turn);
    case 'resumed':
      return resume(turn, event.by);
    case 'reconfigured':
      return reconfigure(turn, event);
  }
};

// What events change

/** Begins with the state of an earlier incarnation: its memory, and a token that may still be valid. */
const start = (turn: Turn, event: EventOf<'started'>): void => {
  const { now } = turn;
  const { policy, generation, token, persisted } = event;
  turn.set({ policy, generation });
  if (persisted) {
    // These instants are in the past, or at most an hour ahead: a later one would hold the loop for ever.
    const { lastRequestMonoMs, notBeforeMonoMs, backOffUntilMonoMs, parked } = persisted;
    turn.remember({
      ...persisted,
      ...(lastRequestMonoMs !== undefined && { lastRequestMonoMs: Math.min(lastRequestMonoMs, now.monoMs) }),
      ...(notBeforeMonoMs !== undefined && {
        notBeforeMonoMs: Math.min(notBeforeMonoMs, now.monoMs + Math.max(LONGEST_HOLD_MS, policy.retryEveryMs ?? 0)),
      }),
      ...(backOffUntilMonoMs !== undefined && {
        backOffUntilMonoMs: Math.min(backOffUntilMonoMs, now.monoMs + backOffCapMs(true)),
      }),
      ...(parked && { parked: { ...parked, atMonoMs: Math.min(parked.atMonoMs, now.monoMs) } }),
    });
  }
  if (token) adopt(turn, token);
  heed(turn, event);
  // A `rotate()` that happened without an actor, or whose actor died before it was proved.
  if (persisted && persisted.revision !== policy.revision) takeConfiguration(turn);
  else if (persisted?.unproved) wantProof(turn);
  else if (!persisted) rememberRevision(turn);
  if (event.obstacle) meetObstacle(turn, event.obstacle);
};

/** Adopts a token from the snapshot, and ties it to both clocks again. */
const adopt = (turn: Turn, token: AdoptedToken): void => {
  const { now, state } = turn;
  const { generation, issuedAtMs } = token;
  const known = state.memory.token?.generation === generation ? state.memory.token : undefined;
  if (!known && issuedAtMs > now.wallMs + CLOCK_TOLERANCE_MS) {
    // Issued in the future: the clock has been set back, and the token's age is unknown.
    turn.drop();
    turn.do({ kind: 'withdraw' });
    turn.emit({ type: 'token:withdrawn', generation });
    return;
  }
  const lifeMs = token.expiresAtMs - issuedAtMs;
  const usableForMs = token.usableUntilMs - issuedAtMs;
  const refreshAfterMs = known
    ? (known.refreshAfterMs ?? Infinity)
    : tokenSpans({ lifeMs }, state.policy, turn.random).refreshAfterMs;
  const sentAt = known?.sentAt ?? { wallMs: issuedAtMs, monoMs: now.monoMs - Math.max(0, now.wallMs - issuedAtMs) };
  const spans = { lifeMs, usableForMs, refreshAfterMs };
  const mintedMonoMs = known?.mintedMonoMs ?? sentAt.monoMs;
  turn.keep({ generation, sentAt, mintedMonoMs, spans, expired: known?.expired ?? false });
  followClock(turn, issuedAtMs);
};

/**
 * Follows the clocks. The times in the snapshot are wall time: after the clock was set back they would let the token
 * live too long. Called in every turn, at least once a second: changes below a step add up, and time in a suspend
 * counts as passed.
 */
const followClock = (turn: Turn, publishedMs = turn.state.token?.sentAt.wallMs): void => {
  const { token, attempt } = turn.state;
  // Done before its answer arrives: two opposite changes of the clock would then show only as their difference.
  if (attempt) {
    const sentAt = anchored(attempt.sentAt, turn.now);
    if (sentAt !== attempt.sentAt) turn.set({ attempt: { ...attempt, sentAt } });
  }
  if (!token) return;
  const sentAt = anchored(token.sentAt, turn.now);
  if (sentAt !== token.sentAt) turn.keep({ ...token, sentAt });
  if (sentAt.wallMs !== publishedMs) turn.do({ kind: 'republish', times: tokenTimes(token.spans, sentAt) });
};

/** Handles the shared words. A reader can want at most one newer token, and can't invalidate a future one. */
const heed = (turn: Turn, words: { readonly wanted: number; readonly invalidated: number }): void => {
  const { generation, wanted, invalidated } = turn.state;
  turn.set({
    wanted: Math.max(wanted, Math.min(words.wanted, generation + 1)),
    invalidated: Math.max(invalidated, Math.min(words.invalidated, generation)),
  });
};

const takeAnswer = (turn: Turn, event: EventOf<'minted'>): void => {
  const { now, state } = turn;
  const { attempt, policy, memory } = state;
  if (attempt?.number !== event.attempt) return;
  const spans = tokenSpans(event.lifetime, policy, turn.random);
  if (ageMs(attempt.sentAt, now) >= spans.usableForMs) return endInFailure(turn, attempt, expiredAnswer);

  const generation = state.generation + 1;
  const sentAt = anchored(attempt.sentAt, now);
  const times = tokenTimes(spans, sentAt);
  turn.endAttempt();
  turn.set({ generation });
  turn.keep({ generation, sentAt, mintedMonoMs: attempt.startedMonoMs, spans, expired: false });
  turn.remember({ mints: memory.mints + 1, refreshes: memory.refreshes + (state.generation > 0 ? 1 : 0) });
  if (!attempt.superseded) {
    turn.remember({ failures: 0 });
    turn.forget('lastFailure', 'notBeforeMonoMs', 'backOffUntilMonoMs', 'unproved');
  }
  turn.do({ kind: 'publish', attempt: attempt.number, generation, times });
  turn.emit({
    type: 'mint:succeeded',
    attempt: attempt.number,
    generation,
    expiresAtMs: times.expiresAtMs,
    refreshAtMs: times.refreshAtMs,
    tookMs: Math.round(now.monoMs - attempt.startedMonoMs),
    ...(attempt.previous && { previous: true }),
  });
  // This answer does not prove the waiting configuration, which still needs a mint.
  if (attempt.superseded) return turn.set({ wanted: generation + 1 });
  turn.set({ resumed: false });
  if (!memory.parked) return;
  turn.forget('parked');
  turn.emit({ type: 'child:resumed', by: 'probe' });
};

const reconfigure = (turn: Turn, event: EventOf<'reconfigured'>): void => {
  const { attempt } = turn.state;
  const { policy } = event;
  turn.set({ policy });
  if (attempt?.singleUse) {
    turn.set({ attempt: { ...attempt, superseded: true } });
  } else if (attempt) {
    turn.endAttempt();
    turn.do({ kind: 'cancel', attempt: attempt.number });
  }
  takeConfiguration(turn);
  if (event.obstacle) meetObstacle(turn, event.obstacle);
};

/** Takes a new configuration: failures of the previous one do not delay it. */
const takeConfiguration = (turn: Turn): void => {
  clearFailures(turn, 'rotate');
  turn.set({ resumed: true, tryPrevious: false });
  rememberRevision(turn);
  turn.remember({ unproved: true });
  wantProof(turn);
};

const rememberRevision = (turn: Turn): void => {
  const { revision } = turn.state.policy;
  turn.forget('revision');
  if (revision !== undefined) turn.remember({ revision });
};

/** A new configuration is proved at once, unless no token was requested yet. */
const wantProof = (turn: Turn): void => {
  const { policy, generation, wanted } = turn.state;
  if (generation > 0 || policy.eager) turn.set({ wanted: Math.max(wanted, generation + 1) });
};

// What follows, whatever the event was

/**
 * Withdraws an invalidated token; its replacement may have to wait, so that a faulty server does not get a flood of
 * requests.
 */
const withdrawIfInvalidated = (turn: Turn): void => {
  const { token, invalidated } = turn.state;
  if (!token || token.generation > invalidated) return;
  turn.drop();
  turn.holdUntil(token.mintedMonoMs + invalidateFloorMs(token.spans.lifeMs));
  turn.do({ kind: 'withdraw' });
  turn.emit({ type: 'token:withdrawn', generation: token.generation });
};

const tellIfExpired = (turn: Turn): void => {
  const { token } = turn.state;
  if (!token || token.expired || isUsable(token, turn.now)) return;
  turn.keep({ ...token, expired: true });
  const { expiresAtMs } = tokenTimes(token.spans, token.sentAt);
  turn.emit({ type: 'token:expired', generation: token.generation, expiresAtMs });
};

/** A back-off that was drawn while there was a token is too long without one: shortens it to one drawn without. */
const hurryIfUnserved = (turn: Turn): void => {
  const { state, now } = turn;
  const { backOffUntilMonoMs } = state.memory;
  const capMs = backOffCapMs(false);
  if (backOffUntilMonoMs === undefined || backOffUntilMonoMs - now.monoMs <= capMs || isServed(state, now)) return;
  turn.remember({ backOffUntilMonoMs: now.monoMs + turn.random() * capMs });
};

const mintIfDue = (turn: Turn): void => {
  const { now } = turn;
  const { policy, memory, resumed, tryPrevious } = turn.state;
  if (nextAttemptMonoMs(turn.state, now) > now.monoMs) return;
  const number = memory.attempts + 1;
  turn.remember({ attempts: number, lastRequestMonoMs: now.monoMs });
  // A probe counts from its start, so that one that crashes the thread is not repeated at once.
  if (memory.parked) turn.remember({ parked: { ...memory.parked, atMonoMs: now.monoMs } });
  const previous = tryPrevious && isOverlap(policy.overlap, now.monoMs) ? ({ previous: true } as const) : undefined;
  turn.set({
    attempt: {
      number,
      startedMonoMs: now.monoMs,
      sentAt: now,
      singleUse: policy.singleUse,
      superseded: false,
      ...(resumed && { resumed }),
      ...previous,
    },
    resumed: false,
    tryPrevious: false,
  });
  turn.emit({ type: 'mint:started', attempt: number, ...previous });
  turn.do({ kind: 'mint', attempt: number, resumed, ...previous });
};
