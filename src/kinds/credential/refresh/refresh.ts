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
import { Transition, type EventOf } from './refresh-transition.js';
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
  const transition = new Transition(before, now, random);
  take(transition, event);
  withdrawIfInvalidated(transition);
  followClock(transition);
  tellIfExpired(transition);
  hurryIfUnserved(transition);
  mintIfDue(transition);
  const { state, effects } = transition;
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

const take = (transition: Transition, event: RefreshEvent): void => {
  switch (event.kind) {
    case 'started':
      return start(transition, event);
    case 'minted':
      return takeAnswer(transition, event);
    case 'mint_failed':
      if (transition.state.attempt?.number === event.attempt)
        endInFailure(transition, transition.state.attempt, event.failure);
      return;
    case 'requested':
      return heed(transition, event);
    case 'woken':
      return;
    case 'clock_stepped':
      // Who hears of it finds the token corrected.
      followClock(transition);
      return transition.emit({ type: 'clock:stepped', byMs: event.byMs });
    case 'source_changed':
      return heedSource(transition);
    case 'resumed':
      return resume(transition, event.by);
    case 'reconfigured':
      return reconfigure(transition, event);
  }
};

// What events change

/** Begins with what an earlier incarnation has left: its memory, and a token that may still be good. */
const start = (transition: Transition, event: EventOf<'started'>): void => {
  const { now } = transition;
  const { policy, generation, token, persisted } = event;
  transition.set({ policy, generation });
  if (persisted) {
    // These instants are in the past, or at most an hour ahead: a later one would hold the loop for ever.
    const { lastRequestMonoMs, notBeforeMonoMs, backOffUntilMonoMs, parked } = persisted;
    transition.remember({
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
  if (token) adopt(transition, token);
  heed(transition, event);
  // An `update()` that no actor was there to hear, or that died before it had proved it.
  if (persisted && persisted.revision !== policy.revision) takeConfiguration(transition);
  else if (persisted?.unproved) wantProof(transition);
  else if (!persisted) rememberRevision(transition);
  if (event.obstacle) meetObstacle(transition, event.obstacle);
};

/** Takes over a token from the snapshot, tied to both clocks again. */
const adopt = (transition: Transition, token: AdoptedToken): void => {
  const { now, state } = transition;
  const { generation, issuedAtMs } = token;
  const known = state.memory.token?.generation === generation ? state.memory.token : undefined;
  if (!known && issuedAtMs > now.wallMs + CLOCK_TOLERANCE_MS) {
    // Issued in the future: the clock has been set back, and nothing tells how old the token is.
    transition.drop();
    transition.do({ kind: 'withdraw' });
    transition.emit({ type: 'token:withdrawn', generation });
    return;
  }
  const lifeMs = token.expiresAtMs - issuedAtMs;
  const usableForMs = token.usableUntilMs - issuedAtMs;
  const refreshAfterMs = known
    ? (known.refreshAfterMs ?? Infinity)
    : tokenSpans({ lifeMs }, state.policy, transition.random).refreshAfterMs;
  const sentAt = known?.sentAt ?? { wallMs: issuedAtMs, monoMs: now.monoMs - Math.max(0, now.wallMs - issuedAtMs) };
  const spans = { lifeMs, usableForMs, refreshAfterMs };
  const mintedMonoMs = known?.mintedMonoMs ?? sentAt.monoMs;
  transition.keep({ generation, sentAt, mintedMonoMs, spans, expired: known?.expired ?? false });
  followClock(transition, issuedAtMs);
};

/**
 * Follows the clocks. The times in the snapshot are wall time: after the clock was set back they would let the token
 * live too long. Called in every turn, at least once a second: changes below a step add up, and time in a suspend
 * counts as passed.
 */
const followClock = (transition: Transition, publishedMs = transition.state.token?.sentAt.wallMs): void => {
  const { token, attempt } = transition.state;
  // Before its answer comes: of two changes of the clock, each the other way, only the difference can be seen by then.
  if (attempt) {
    const sentAt = anchored(attempt.sentAt, transition.now);
    if (sentAt !== attempt.sentAt) transition.set({ attempt: { ...attempt, sentAt } });
  }
  if (!token) return;
  const sentAt = anchored(token.sentAt, transition.now);
  if (sentAt !== token.sentAt) transition.keep({ ...token, sentAt });
  if (sentAt.wallMs !== publishedMs) transition.do({ kind: 'republish', times: tokenTimes(token.spans, sentAt) });
};

/** Reads the shared words. At most one newer token can be wanted, and only a published token can be invalidated. */
const heed = (transition: Transition, words: { readonly wanted: number; readonly invalidated: number }): void => {
  const { generation, wanted, invalidated } = transition.state;
  transition.set({
    wanted: Math.max(wanted, Math.min(words.wanted, generation + 1)),
    invalidated: Math.max(invalidated, Math.min(words.invalidated, generation)),
  });
};

const takeAnswer = (transition: Transition, event: EventOf<'minted'>): void => {
  const { now, state } = transition;
  const { attempt, policy, memory } = state;
  if (attempt?.number !== event.attempt) return;
  const spans = tokenSpans(event.lifetime, policy, transition.random);
  if (ageMs(attempt.sentAt, now) >= spans.usableForMs) return endInFailure(transition, attempt, expiredAnswer);

  const generation = state.generation + 1;
  const sentAt = anchored(attempt.sentAt, now);
  const times = tokenTimes(spans, sentAt);
  transition.endAttempt();
  transition.set({ generation });
  transition.keep({ generation, sentAt, mintedMonoMs: attempt.startedMonoMs, spans, expired: false });
  transition.remember({ mints: memory.mints + 1, refreshes: memory.refreshes + (state.generation > 0 ? 1 : 0) });
  if (!attempt.superseded) {
    transition.remember({ failures: 0 });
    transition.forget('lastFailure', 'notBeforeMonoMs', 'backOffUntilMonoMs', 'unproved');
  }
  transition.do({ kind: 'publish', attempt: attempt.number, generation, times });
  transition.emit({
    type: 'mint:succeeded',
    attempt: attempt.number,
    generation,
    expiresAtMs: times.expiresAtMs,
    refreshAtMs: times.refreshAtMs,
    tookMs: Math.round(now.monoMs - attempt.startedMonoMs),
    ...(attempt.previous && { previous: true }),
  });
  // This answer says nothing of the configuration that waits: that one has its mint still before it.
  if (attempt.superseded) return transition.set({ wanted: generation + 1 });
  transition.set({ resumed: false });
  if (!memory.parked) return;
  transition.forget('parked');
  transition.emit({ type: 'child:resumed', by: 'probe' });
};

const reconfigure = (transition: Transition, event: EventOf<'reconfigured'>): void => {
  const { attempt } = transition.state;
  const { policy } = event;
  transition.set({ policy });
  if (attempt?.singleUse) {
    transition.set({ attempt: { ...attempt, superseded: true } });
  } else if (attempt) {
    transition.endAttempt();
    transition.do({ kind: 'cancel', attempt: attempt.number });
  }
  takeConfiguration(transition);
  if (event.obstacle) meetObstacle(transition, event.obstacle);
};

/** Nothing that the configuration before has met holds the new one back. */
const takeConfiguration = (transition: Transition): void => {
  clearFailures(transition, 'update');
  transition.set({ resumed: true, tryPrevious: false });
  rememberRevision(transition);
  transition.remember({ unproved: true });
  wantProof(transition);
};

const rememberRevision = (transition: Transition): void => {
  const { revision } = transition.state.policy;
  transition.forget('revision');
  if (revision !== undefined) transition.remember({ revision });
};

/** A mint proves a new configuration at once, if a token has been asked for before. */
const wantProof = (transition: Transition): void => {
  const { policy, generation, wanted } = transition.state;
  if (generation > 0 || policy.eager) transition.set({ wanted: Math.max(wanted, generation + 1) });
};

// What follows, whatever the event was

/** An invalidated token is not served again. Its replacement may have to wait, so that a failing server gets no storm of requests. */
const withdrawIfInvalidated = (transition: Transition): void => {
  const { token, invalidated } = transition.state;
  if (!token || token.generation > invalidated) return;
  transition.drop();
  transition.holdUntil(token.mintedMonoMs + invalidateFloorMs(token.spans.lifeMs));
  transition.do({ kind: 'withdraw' });
  transition.emit({ type: 'token:withdrawn', generation: token.generation });
};

const tellIfExpired = (transition: Transition): void => {
  const { token } = transition.state;
  if (!token || token.expired || isUsable(token, transition.now)) return;
  transition.keep({ ...token, expired: true });
  const { expiresAtMs } = tokenTimes(token.spans, token.sentAt);
  transition.emit({ type: 'token:expired', generation: token.generation, expiresAtMs });
};

/** A back-off that was drawn while there was a token is too long without one; from now on it is as one drawn without. */
const hurryIfUnserved = (transition: Transition): void => {
  const { state, now } = transition;
  const { backOffUntilMonoMs } = state.memory;
  const capMs = backOffCapMs(false);
  if (backOffUntilMonoMs === undefined || backOffUntilMonoMs - now.monoMs <= capMs || isServed(state, now)) return;
  transition.remember({ backOffUntilMonoMs: now.monoMs + transition.random() * capMs });
};

const mintIfDue = (transition: Transition): void => {
  const { now } = transition;
  const { policy, memory, resumed, tryPrevious } = transition.state;
  if (nextAttemptMonoMs(transition.state, now) > now.monoMs) return;
  const number = memory.attempts + 1;
  transition.remember({ attempts: number, lastRequestMonoMs: now.monoMs });
  // A probe counts from its start, so that one that takes the thread down is not made again at once.
  if (memory.parked) transition.remember({ parked: { ...memory.parked, atMonoMs: now.monoMs } });
  const previous = tryPrevious && isOverlap(policy.overlap, now.monoMs) ? ({ previous: true } as const) : undefined;
  transition.set({
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
  transition.emit({ type: 'mint:started', attempt: number, ...previous });
  transition.do({ kind: 'mint', attempt: number, resumed, ...previous });
};
