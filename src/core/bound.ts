/**
 * A bound on what others do, in time that this thread has lived: what passes while it does not run (a suspend, a stop, a
 * throttled processor) does not count, and what has arrived meanwhile is read before the bound is over.
 */
import type { Clock, Timer } from './clock.js';

/** What a bound takes of a clock. */
export type BoundClock = Pick<Clock, 'monoMs' | 'setTimer'>;

/** A bound that was set. */
export interface Bound extends Timer {
  /** What is left of it: ms of lived time, 0 when it is over. */
  leftMs(): number;
}

const LONGEST_SLICE_MS = 1_000;
const SHORTEST_SLICE_MS = 20;
/** A thread that is late at each turn reaches the end of its bounds even so. */
const MOST_GRACES = 5;

/**
 * Calls `callback` once this thread has lived `boundMs` (ms, any finite number). It waits in slices. One that is late
 * counts as if it had been in time, and does not end the bound: on a thaw timers come before sockets and messages, which
 * have their turn in the slice that follows.
 */
export const setBound = (clock: BoundClock, boundMs: number, callback: () => void = () => undefined): Bound => {
  const sliceMs = Math.min(LONGEST_SLICE_MS, Math.max(SHORTEST_SLICE_MS, boundMs / 10));
  let leftMs = boundMs;
  let graces = 0;
  let timer: Timer;
  let [waitMs, armedMs] = [0, 0];
  const arm = (): void => {
    waitMs = Math.max(0, Math.min(sliceMs, leftMs));
    armedMs = clock.monoMs();
    timer = clock.setTimer(waitMs, () => {
      // A timer is never early; one that a test replaces may ring while its clock stands still.
      const elapsedMs = Math.max(waitMs, clock.monoMs() - armedMs);
      const isLate = elapsedMs > waitMs + sliceMs;
      leftMs -= isLate ? waitMs : elapsedMs;
      if (isLate && leftMs <= 0 && graces < MOST_GRACES) {
        graces += 1;
        leftMs = sliceMs;
      }
      if (leftMs <= 0) callback();
      else arm();
    });
  };
  arm();
  return {
    cancel: () => timer.cancel(),
    leftMs: () => Math.max(0, leftMs - Math.min(waitMs, clock.monoMs() - armedMs)),
  };
};
