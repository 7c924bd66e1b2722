/**
 * Timeouts in lived time: time in which this thread does not run (a suspend, a stop, a throttled processor) does not
 * count, and messages that arrived meanwhile are handled before the timeout fires.
 */
import type { Clock, Timer } from './clock.js';

/** The part of a clock that a bound needs. */
export type BoundClock = Pick<Clock, 'monoMs' | 'setTimer'>;

/** A running bound. */
export interface Bound extends Timer {
  /** The time left: ms of lived time, 0 when it is over. */
  leftMs(): number;
}

const LONGEST_SLICE_MS = 1_000;
const SHORTEST_SLICE_MS = 20;
/**
 * How many late slices in a row are forgiven: a thread that is always late must reach the end of its bounds as well.
 */
const MOST_GRACES = 5;

/**
 * Calls `callback` once this thread has lived `boundMs` (ms, any finite number). It waits in slices. A late slice
 * counts with its nominal length and does not end the bound: after a suspend, timers fire before sockets and messages
 * are read, so those are handled in the slice that follows.
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
      // A timer is never early; a fake timer of a test may fire while its clock stands still.
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
