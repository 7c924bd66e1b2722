/** The effects of failures on the refresh loop: back-off, parking, and recovery. */
import type { FailureClass, MintFailure } from '../../../core/errors.js';
import { isOverlap, isServed, nextAttemptAtMs, type AttemptInFlight } from './refresh-state.js';
import type { Transition } from './refresh-transition.js';
import type { ParkReason } from './refresh-types.js';
import { backOffMs, leastRetryMs, retryAfterWaitMs } from './schedule.js';

/** The attempt is over without a token. */
export const endInFailure = (transition: Transition, attempt: AttemptInFlight, failure: MintFailure): void => {
  const failed = (): void =>
    transition.emit({
      type: 'mint:failed',
      attempt: attempt.number,
      failure,
      consecutive: transition.state.memory.failures,
      ...(transition.state.memory.parked ? {} : nextAttempt(transition, 'nextAttemptAtMs')),
      ...(attempt.previous && { previous: true }),
    });
  transition.endAttempt();
  const parks = failure.class === 'fatal';
  // A failure of the older configuration neither delays nor parks the newer one.
  if (attempt.superseded && failure.class !== 'ambiguous') return failed();
  // The permission of a user was not used: it goes to the next attempt, whose session has not been told of it.
  const unused = failure.class !== 'ambiguous' && failure.reason !== 'exchange_interrupted';
  if (attempt.resumed && unused && transition.state.policy.overlap) transition.set({ resumed: true });
  if (saysNothingFinal(transition, attempt, failure)) {
    fallBack(transition, attempt, failure);
    return failed();
  }
  if (attempt.fixedBy && parks) {
    bookFailure(transition, failure, 'transient');
    if (attempt.fixedBy === 'user') transition.set({ resumed: true });
    return failed();
  }
  const newlyParked = bookFailure(transition, failure, failure.class);
  failed();
  if (newlyParked) tellParked(transition, newlyParked);
};

/**
 * True for any failure of the older secret, and for a refusal of the newer one during the overlap: a server may no
 * longer know the one and not yet know the other.
 */
const saysNothingFinal = ({ state }: Transition, attempt: AttemptInFlight, failure: MintFailure): boolean => {
  if (failure.class === 'ambiguous') return false;
  if (attempt.previous) return true;
  // By when it began: only a request made after the end can park.
  const { overlap } = state.policy;
  return isOverlap(overlap, attempt.startedMonoMs) && overlap!.refusals.includes(failure.oauthError ?? '');
};

/** The older secret comes next, at the floor. If that one is of no use either, the newer one comes again, with back-off. */
const fallBack = (transition: Transition, attempt: AttemptInFlight, failure: MintFailure): void => {
  const { now, state } = transition;
  if (attempt.previous) return void bookFailure(transition, failure, 'transient');
  transition.set({ tryPrevious: true });
  transition.remember({ failures: state.memory.failures + 1, lastFailure: { ...failure, atMs: now.wallMs } });
  transition.holdUntil(now.monoMs + retryAfterWaitMs(failure.retryAfterMs));
};

/** Backs off or parks. Returns why it is parked, if that is new. */
const bookFailure = (transition: Transition, failure: MintFailure, treatAs: FailureClass): ParkReason | undefined => {
  const { now, random } = transition;
  const { memory, policy } = transition.state;
  const { parked } = memory;
  const failures = memory.failures + 1;
  transition.remember({ failures, lastFailure: { ...failure, atMs: now.wallMs } });
  if (treatAs === 'transient') {
    // A probe that fails in passing has not shown that the cause of the park is gone: it stays parked.
    transition.holdUntil(now.monoMs + leastRetryMs(failure.retryAfterMs, policy));
    if (policy.retryEveryMs === undefined) {
      transition.backOffUntil(now.monoMs + backOffMs(failures, isServed(transition.state, now), random));
    }
    return undefined;
  }
  const why = treatAs === 'ambiguous' ? 'ambiguous_exchange' : 'fatal_answer';
  transition.remember({ parked: { why, atMonoMs: now.monoMs } });
  transition.holdUntil(now.monoMs + retryAfterWaitMs(failure.retryAfterMs));
  transition.set({ resumed: false });
  return why === parked?.why ? undefined : why;
};

/** The cause is said to be fixed: the next attempt is made as if there had been no failure. */
export const clearFailures = (transition: Transition, by: 'user' | 'secret' | 'token' | 'update'): void => {
  const wasParked = transition.state.memory.parked !== undefined;
  transition.forget('parked', 'lastFailure', 'notBeforeMonoMs', 'backOffUntilMonoMs');
  transition.remember({ failures: 0 });
  if (wasParked) transition.emit({ type: 'child:resumed', by });
};

/** `resume()`, or a secret that has changed: un-parks. Without a park there is nothing to do yet. */
export const resume = (transition: Transition, by: 'user' | 'secret'): void => {
  const { attempt, memory } = transition.state;
  // The attempt in flight may have begun before the fix.
  if (attempt && attempt.fixedBy !== 'user') transition.set({ attempt: { ...attempt, fixedBy: by } });
  if (!memory.parked) return;
  clearFailures(transition, by);
  transition.set({ resumed: by === 'user' });
};

/** The token that this one was minted from has been replaced: it is minted anew, and what waited for it waits no more. */
export const heedSource = (transition: Transition): void => {
  const { memory, generation, wanted } = transition.state;
  const { notBeforeMonoMs, backOffUntilMonoMs } = memory;
  const waited = memory.lastFailure?.reason === 'token_unavailable';
  if (memory.parked?.why === 'fatal_answer') clearFailures(transition, 'token');
  if (waited) transition.forget('notBeforeMonoMs', 'backOffUntilMonoMs');
  else {
    if (notBeforeMonoMs !== undefined) transition.holdUntil(notBeforeMonoMs);
    if (backOffUntilMonoMs !== undefined) transition.backOffUntil(backOffUntilMonoMs);
  }
  transition.set({ wanted: Math.max(wanted, generation + 1) });
};

/** Minting can't begin: no request was made, so it is no attempt, but it counts as a failure. */
export const meetObstacle = (transition: Transition, obstacle: MintFailure): void => {
  const newlyParked = bookFailure(transition, obstacle, obstacle.class);
  if (newlyParked) tellParked(transition, newlyParked);
};

const tellParked = (transition: Transition, why: ParkReason): void =>
  transition.emit({ type: 'child:parked', why, ...nextAttempt(transition, 'probeAtMs') });

/** When the next attempt is due, as a member of that name, if one is planned. */
const nextAttempt = <Name extends string>(transition: Transition, name: Name): { readonly [key in Name]?: number } => {
  const atMs = nextAttemptAtMs(transition.state, transition.now);
  return (atMs === undefined ? {} : { [name]: atMs }) as { readonly [key in Name]?: number };
};
