/**
 * A clock that stands still until it is told to move: timers fire in order, at once, in the caller's turn.
 */
import type { Clock, Instant, Timer } from '../clock.js';
import { TokenvisorError } from '../errors.js';

export interface SimulatedClock extends Clock {
  /** Moves both clocks, and fires in order each timer that falls due, those set meanwhile included. */
  advance(ms: number): void;
  /** Sets the wall clock forward, or back if negative. Monotonic time and timers do not notice. */
  stepWall(ms: number): void;
  /** How many timers are pending. */
  pending(): number;
}

/** Timers fired without any time passing: so many are a loop that makes no progress. */
const MOST_AT_ONE_INSTANT = 10_000;

interface PendingTimer {
  readonly dueMonoMs: number;
  readonly callback: () => void;
}

/**
 * Makes a simulated clock.
 *
 * @param start Where the clocks begin; both 0 by default.
 * @example
 * const clock = createSimulatedClock({ wallMs: Date.UTC(2030, 0, 1) });
 * clock.setTimer(1_000, () => console.log('a second later'));
 * clock.advance(1_000);
 */
export const createSimulatedClock = (start: Partial<Instant> = {}): SimulatedClock => {
  let { wallMs = 0, monoMs = 0 } = start;
  const timers = new Set<PendingTimer>();

  const moveTo = (targetMonoMs: number): void => {
    wallMs += targetMonoMs - monoMs;
    monoMs = targetMonoMs;
  };

  /** The first due; of those due at the same instant the one that was set first, as a Set keeps its order. */
  const firstDue = (): PendingTimer | undefined => {
    let first: PendingTimer | undefined;
    for (const timer of timers) if (!first || timer.dueMonoMs < first.dueMonoMs) first = timer;
    return first;
  };

  return {
    wallMs: () => wallMs,
    monoMs: () => monoMs,
    now: () => ({ wallMs, monoMs }),
    setTimer(delayMs, callback): Timer {
      const timer = { dueMonoMs: monoMs + Math.max(0, delayMs), callback };
      timers.add(timer);
      return { cancel: () => void timers.delete(timer) };
    },
    advance(ms) {
      const endMonoMs = monoMs + Math.max(0, ms);
      let firedHere = 0;
      for (let timer = firstDue(); timer && timer.dueMonoMs <= endMonoMs; timer = firstDue()) {
        timers.delete(timer);
        firedHere = timer.dueMonoMs > monoMs ? 0 : firedHere + 1;
        if (firedHere > MOST_AT_ONE_INSTANT) {
          throw new TokenvisorError('INTERNAL', `Expected time to pass, got ${firedHere} timers at one instant`);
        }
        if (timer.dueMonoMs > monoMs) moveTo(timer.dueMonoMs);
        timer.callback();
      }
      if (endMonoMs > monoMs) moveTo(endMonoMs);
    },
    stepWall(ms) {
      wallMs += ms;
    },
    pending: () => timers.size,
  };
};
