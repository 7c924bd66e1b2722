/** The clock port: all code that reads the time or waits uses a {@link Clock}. */
import { describeValue } from './describe.js';
import { TokenvisorError } from './errors.js';

/** A moment on both clocks, in milliseconds. */
export interface Instant {
  /** Wall time, used for expiries. It can step. */
  readonly wallMs: number;
  /** Monotonic time, with the same origin in every thread of the process; used for waits. */
  readonly monoMs: number;
}

/** A pending timer: what `setTimer` and `sendAfter` return. */
export interface Timer {
  /** Cancels the timer; does nothing if it has fired. */
  cancel(): void;
}

/** The source of time and timers. */
export interface Clock {
  /** Milliseconds since the Unix epoch; can step. */
  wallMs(): number;
  /** Milliseconds on a clock that never steps, the same in every thread of the process. */
  monoMs(): number;
  /** Both at once. */
  now(): Instant;
  /** Calls `callback` once, `delayMs` from now: ms, any finite number; never early on the monotonic clock. */
  setTimer(delayMs: number, callback: () => void): Timer;
}

/** The longest single `setTimeout`: past 2^31 ms it fires at once, and a suspend stops it, so timers go in slices. */
const TIMER_SLICE_MS = 30_000;

const monoMs = (): number => {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1_000 + nanoseconds / 1e6;
};

/**
 * How far wall time is ahead of monotonic time. It changes when the wall clock is stepped or the machine is suspended.
 */
export const wallOffsetMs = (clock: Clock): number => {
  const { wallMs, monoMs } = clock.now();
  return wallMs - monoMs;
};

/** A change of {@link wallOffsetMs} by more than this is a step, not drift. */
export const CLOCK_STEP_MS = 2_000;

/**
 * Detects steps of the wall clock, for a thread that checks now and then. Small changes in one direction add up; a
 * change in the other direction (a short suspend, before the clock is set back) hides no part of a step.
 */
export class ClockSteps {
  readonly #clock: Clock;
  /** The least and the greatest offset seen since the last step. */
  #leastMs: number;
  #greatestMs: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#leastMs = this.#greatestMs = wallOffsetMs(clock);
  }

  /** The size of the step since the last one reported; undefined if there was none. */
  byMs(): number | undefined {
    const offsetMs = wallOffsetMs(this.#clock);
    this.#leastMs = Math.min(this.#leastMs, offsetMs);
    this.#greatestMs = Math.max(this.#greatestMs, offsetMs);
    const [aheadMs, behindMs] = [offsetMs - this.#leastMs, this.#greatestMs - offsetMs];
    if (Math.max(aheadMs, behindMs) <= CLOCK_STEP_MS) return undefined;
    this.#leastMs = this.#greatestMs = offsetMs;
    return Math.round(aheadMs > behindMs ? aheadMs : -behindMs);
  }
}

const machineClock = (hold: (timer: NodeJS.Timeout) => NodeJS.Timeout): Clock => ({
  wallMs: () => Date.now(),
  monoMs,
  now: () => ({ wallMs: Date.now(), monoMs: monoMs() }),
  setTimer(delayMs, callback) {
    checkTimer(delayMs, callback);
    const dueMonoMs = monoMs() + Math.max(0, delayMs);
    let handle: NodeJS.Timeout;
    const arm = (): void => {
      const leftMs = dueMonoMs - monoMs();
      if (leftMs <= 0) callback();
      else handle = hold(setTimeout(arm, Math.min(Math.ceil(leftMs), TIMER_SLICE_MS)));
    };
    handle = hold(setTimeout(arm, Math.min(Math.ceil(Math.max(0, delayMs)), TIMER_SLICE_MS)));
    return { cancel: () => clearTimeout(handle) };
  },
});

/** Checks the arguments of a timer: NaN would make it wait in slices of 1 ms for ever. @throws CONFIG_INVALID */
export const checkTimer = (delayMs: unknown, callback: unknown): void => {
  const isDelay = typeof delayMs === 'number' && delayMs === delayMs;
  if (isDelay && typeof callback === 'function') return;
  const wrong = isDelay ? '`callback` to be a function' : '`delayMs` to be a number of ms';
  throw new TokenvisorError('CONFIG_INVALID', `Expected ${wrong}, got ${describeValue(isDelay ? callback : delayMs)}`);
};

/** The machine's clock. */
export const systemClock = machineClock((timer) => timer);

/** The machine's clock with timers that don't hold the process open: for background work. */
export const idleClock = machineClock((timer) => timer.unref());
