/** A clock that stands still until it is moved: timers fire in order, synchronously, in the caller's turn. */
import { checkTimer, type Clock, type Instant, type Timer } from '../core/clock.js';
import { optionsOf } from '../config/check.js';
import { describeValue } from '../core/describe.js';
import { TokenvisorError } from '../core/errors.js';
import { nextTurn } from '../core/next-turn.js';

/** The result of {@link createSimulatedClock}. */
export interface SimulatedClock extends Clock {
  /**
   * Moves both clocks by `ms`, and fires each due timer in order, including those set meanwhile. All synchronously in
   * the caller's turn: promises that a timer started settle only after the clock has moved on.
   *
   * @throws INTERNAL if timers at one instant set one another for ever, CONFIG_INVALID if `ms` is not a finite number.
   */
  advance(ms: number): void;
  /**
   * As {@link advance}, with a turn of the event loop before the first timer and after each: work that a timer starts
   * (a mint) is done before the next one fires, unless it waits for something outside. For a span with much activity.
   *
   * @throws INTERNAL as {@link advance}.
   */
  advanceAsync(ms: number): Promise<void>;
  /**
   * Sets the wall clock forward by `ms`, or back if negative. Monotonic time and timers are unaffected.
   *
   * @throws CONFIG_INVALID if `ms` is not a finite number.
   */
  stepWall(ms: number): void;
  /** The number of pending timers. */
  pending(): number;
}

/** The most timers that fire at one instant: more are a loop without progress. */
const MOST_AT_ONE_INSTANT = 10_000;

const finite = (what: string, ms: number): number => {
  if (Number.isFinite(ms)) return ms;
  throw new TokenvisorError(
    'CONFIG_INVALID',
    `Expected a clock to ${what} a finite number of ms, got ${describeValue(ms)}`,
  );
};

interface PendingTimer {
  readonly dueMonoMs: number;
  readonly callback: () => void;
}

/**
 * Makes a simulated clock.
 *
 * @param start The initial values of the clocks; both 0 by default.
 * @throws CONFIG_INVALID for values that are not finite numbers.
 * @example
 * const clock = createSimulatedClock({ wallMs: Date.UTC(2030, 0, 1) });
 * clock.setTimer(1_000, () => console.log('a second later'));
 * clock.advance(1_000);
 * await clock.advanceAsync(3_600_000);
 */
export const createSimulatedClock = (start: Partial<Instant> = {}): SimulatedClock => {
  let { wallMs = 0, monoMs = 0 } = optionsOf(start, 'start');
  finite('start at', wallMs);
  finite('start at', monoMs);
  const timers = new Set<PendingTimer>();

  const moveTo = (targetMonoMs: number): void => {
    wallMs += targetMonoMs - monoMs;
    monoMs = targetMonoMs;
  };

  /** The first due timer; of those due at the same instant the one that was set first, as a Set keeps its order. */
  const firstDue = (): PendingTimer | undefined => {
    let first: PendingTimer | undefined;
    for (const timer of timers) if (!first || timer.dueMonoMs < first.dueMonoMs) first = timer;
    return first;
  };

  /** The end of a move. It must be finite: timers that set one another would fire for ever. */
  const endOf = (ms: number): number => monoMs + Math.max(0, finite('advance by', ms));

  let firedHere = 0;

  /** Moves to the first timer that is due until then, and fires it; false if there is none. */
  const fireNext = (endMonoMs: number): boolean => {
    const timer = firstDue();
    if (!timer || timer.dueMonoMs > endMonoMs) {
      firedHere = 0;
      return false;
    }
    firedHere = timer.dueMonoMs > monoMs ? 0 : firedHere + 1;
    if (firedHere > MOST_AT_ONE_INSTANT) {
      const fired = firedHere;
      firedHere = 0;
      throw new TokenvisorError('INTERNAL', `Expected time to pass, got ${fired} timers at one instant`);
    }
    timers.delete(timer);
    if (timer.dueMonoMs > monoMs) moveTo(timer.dueMonoMs);
    timer.callback();
    return true;
  };

  return {
    wallMs: () => wallMs,
    monoMs: () => monoMs,
    now: () => ({ wallMs, monoMs }),
    setTimer(delayMs, callback): Timer {
      checkTimer(delayMs, callback);
      const timer = { dueMonoMs: monoMs + Math.max(0, delayMs), callback };
      timers.add(timer);
      return { cancel: () => void timers.delete(timer) };
    },
    advance(ms) {
      const endMonoMs = endOf(ms);
      while (fireNext(endMonoMs));
      if (endMonoMs > monoMs) moveTo(endMonoMs);
    },
    async advanceAsync(ms) {
      const endMonoMs = endOf(ms);
      do await nextTurn();
      while (fireNext(endMonoMs));
      if (endMonoMs > monoMs) moveTo(endMonoMs);
    },
    stepWall(ms) {
      wallMs += finite('step by', ms);
    },
    pending: () => timers.size,
  };
};
