/** The effects of failures on the refresh loop: back-off, parking, and recovery. */
import type { FailureClass, MintFailure } from '../../../core/errors.js';
import { isOverlap, isServed, nextAttemptAtMs, type AttemptInFlight } from './refresh-state.js';
import type { Turn } from './refresh-transition.js';
import type { ParkReason } from './refresh-types.js';
import { backOffMs, leastRetryMs, retryAfterWaitMs } from './schedule.js';

/** Ends an attempt without a token. */
export const endInFailure = (turn: Turn, attempt: AttemptInFlight, failure: MintFailure): void => {
  const failed = (): void =>
    turn.emit({
      type: 'mint:failed',
      attempt: attempt.number,
      failure,
      consecutive: turn.state.memory.failures,
      ...(turn.state.memory.parked ? {} : nextAttempt(turn, 'nextAttemptAtMs')),
      ...(attempt.previous && { previous: true }),
    });
  turn.endAttempt();
  const parks = failure.class === 'fatal' || failure.class === 'park';
  // A failure of the older configuration neither delays nor parks the newer one.
  if (attempt.superseded && failure.class !== 'ambiguous') return failed();
  // The permission of a user was not used: it goes to the next attempt, whose session has not been told of it.
  const unused = failure.class !== 'ambiguous' && failure.reason !== 'exchange_interrupted';
  if (attempt.resumed && unused && turn.state.policy.overlap) turn.set({ resumed: true });
  if (saysNothingFinal(turn, attempt, failure)) {
    fallBack(turn, attempt, failure);
    return failed();
  }
  if (attempt.mendedBy && parks) {
    bookFailure(turn, failure, 'transient');
    if (attempt.mendedBy === 'user') turn.set({ resumed: true });
    return failed();
  }
  const newlyParked = bookFailure(turn, failure, failure.class);
  failed();
  if (newlyParked) tellParked(turn, newlyParked);
};

/**
 * True for any failure of the older secret, and for a refusal of the newer one during the overlap: a server may no
 * longer know the one and not yet know the other.
 */
const saysNothingFinal = ({ state }: Turn, attempt: AttemptInFlight, failure: MintFailure): boolean => {
  if (failure.class === 'ambiguous') return false;
  if (attempt.previous) return true;
  // By when it began: only a request made after the end can park.
  const { overlap } = state.policy;
  return isOverlap(overlap, attempt.startedMonoMs) && overlap!.refusals.includes(failure.oauthError ?? '');
};

/** Tries the older secret next, at the floor. If that fails too, the newer one is tried again, with back-off. */
const fallBack = (turn: Turn, attempt: AttemptInFlight, failure: MintFailure): void => {
  const { now, state } = turn;
  if (attempt.previous) return void bookFailure(turn, failure, 'transient');
  turn.set({ tryPrevious: true });
  turn.remember({ failures: state.memory.failures + 1, lastFailure: { ...failure, atMs: now.wallMs } });
  turn.holdUntil(now.monoMs + retryAfterWaitMs(failure.retryAfterMs));
};

/** Backs off or parks. Returns why it is parked, if that is new. */
const bookFailure = (turn: Turn, failure: MintFailure, treatAs: FailureClass): ParkReason | undefined => {
  const { now, random } = turn;
  const { memory, policy } = turn.state;
  const { parked } = memory;
  const failures = memory.failures + 1;
  turn.remember({ failures, lastFailure: { ...failure, atMs: now.wallMs } });
  if (treatAs === 'transient') {
    // A probe with a transient failure does not show that the cause of the park is gone: it stays parked.
    turn.holdUntil(now.monoMs + leastRetryMs(failure.retryAfterMs, policy));
    if (policy.retryEveryMs === undefined) {
      turn.backOffUntil(now.monoMs + backOffMs(failures, isServed(turn.state, now), random));
    }
    return undefined;
  }
  const why = treatAs === 'ambiguous' ? 'ambiguous_exchange' : 'fatal_answer';
  turn.remember({ parked: { why, atMonoMs: now.monoMs } });
  turn.holdUntil(now.monoMs + retryAfterWaitMs(failure.retryAfterMs));
  turn.set({ resumed: false });
  return why === parked?.why ? undefined : why;
};

/** Clears the failures because their cause was fixed: the next attempt is made as if there had been none. */
export const clearFailures = (turn: Turn, by: 'user' | 'secret' | 'token' | 'rotate'): void => {
  const wasParked = turn.state.memory.parked !== undefined;
  turn.forget('parked', 'lastFailure', 'notBeforeMonoMs', 'backOffUntilMonoMs');
  turn.remember({ failures: 0 });
  if (wasParked) turn.emit({ type: 'child:resumed', by });
};

/** Handles `resume()`, or a changed secret: un-parks. Without a park it has no effect yet. */
export const resume = (turn: Turn, by: 'user' | 'secret'): void => {
  const { attempt, memory } = turn.state;
  // The attempt in flight may have begun with what was fixed since.
  if (attempt && attempt.mendedBy !== 'user') turn.set({ attempt: { ...attempt, mendedBy: by } });
  if (!memory.parked) return;
  clearFailures(turn, by);
  turn.set({ resumed: by === 'user' });
};

/** Handles a replaced source token: mints again, and ends a wait for it. */
export const heedSource = (turn: Turn): void => {
  const { memory, generation, wanted } = turn.state;
  const { notBeforeMonoMs, backOffUntilMonoMs } = memory;
  const waited = memory.lastFailure?.reason === 'token_unavailable';
  if (memory.parked?.why === 'fatal_answer') clearFailures(turn, 'token');
  if (waited) turn.forget('notBeforeMonoMs', 'backOffUntilMonoMs');
  else {
    if (notBeforeMonoMs !== undefined) turn.holdUntil(notBeforeMonoMs);
    if (backOffUntilMonoMs !== undefined) turn.backOffUntil(backOffUntilMonoMs);
  }
  turn.set({ wanted: Math.max(wanted, generation + 1) });
};

/** Handles a failed preflight: no request was made, so it is not an attempt, but counts as a failure. */
export const meetObstacle = (turn: Turn, obstacle: MintFailure): void => {
  const newlyParked = bookFailure(turn, obstacle, obstacle.class);
  if (newlyParked) tellParked(turn, newlyParked);
};

const tellParked = (turn: Turn, why: ParkReason): void =>
  turn.emit({ type: 'child:parked', why, ...nextAttempt(turn, 'probeAtMs') });

/** When the next attempt is due, as a property of that name, if one is planned. */
const nextAttempt = <Name extends string>(turn: Turn, name: Name): { readonly [key in Name]?: number } => {
  const atMs = nextAttemptAtMs(turn.state, turn.now);
  return (atMs === undefined ? {} : { [name]: atMs }) as { readonly [key in Name]?: number };
};
