/**
 * Restart limits: how often a child may be restarted, and how long each restart waits. Pure: the clock is an argument.
 */

/** At most this many restarts within this many seconds. */
export interface Intensity {
  readonly maxRestarts: number;
  readonly maxSeconds: number;
}

export interface RestartVerdict {
  readonly allowed: boolean;
  /** The restarts that count from now on, newest first; includes this one if it is allowed. */
  readonly times: readonly number[];
}

/**
 * The restarts within the period (inclusive), newest first. The scan stops at the first that is too old, as in OTP: the
 * list is in order.
 */
const within = (times: readonly number[], now: number, period: number): readonly number[] => {
  const firstOld = times.findIndex((time) => time < now - period);
  return firstOld === -1 ? times : times.slice(0, firstOld);
};

const judge = (times: readonly number[], now: number, period: number, maxRestarts: number): RestartVerdict => {
  const recent = within(times, now, period);
  return recent.length < maxRestarts ? { allowed: true, times: [now, ...recent] } : { allowed: false, times: recent };
};

/** The second in which OTP counts an instant: `erlang:monotonic_time(1)`. */
export const secondOf = (monoMs: number): number => Math.floor(monoMs / 1_000);

/**
 * `add_restart` of OTP's supervisor.erl: whole monotonic seconds, inclusive, so a period of 5 reaches over 5 to just
 * under 6 seconds. Times are seconds.
 */
export const addSharedRestart = (seconds: readonly number[], nowMonoMs: number, intensity: Intensity): RestartVerdict =>
  judge(seconds, secondOf(nowMonoMs), intensity.maxSeconds, intensity.maxRestarts);

/** The same for a single child, exact to the millisecond. Times are monotonic milliseconds. */
export const addChildRestart = (timesMs: readonly number[], nowMonoMs: number, intensity: Intensity): RestartVerdict =>
  judge(timesMs, nowMonoMs, intensity.maxSeconds * 1_000, intensity.maxRestarts);

/**
 * The same for a death by a hang, or by a start that timed out. It is detected after up to twice its bound, so such
 * deaths are far apart; they count for as long as one more of them than is allowed takes. Otherwise a child that hangs
 * at each start would be restarted for ever.
 */
export const addHungRestart = (
  timesMs: readonly number[],
  nowMonoMs: number,
  { maxRestarts, maxSeconds, hungAfterMs }: Intensity & { readonly hungAfterMs: number },
): RestartVerdict => {
  const periodMs = Math.max(maxSeconds * 1_000, (maxRestarts + 1) * (2 * hungAfterMs + WAIT_MAX_MS));
  return judge(timesMs, nowMonoMs, periodMs, maxRestarts);
};

const WAIT_STEP_MS = 100;
const WAIT_MAX_MS = 1_000;

/** The wait before the n-th restart within the period (from 1): 0, 100, 200 ... 1,000 ms. */
export const restartWaitMs = (nth: number): number => Math.min((nth - 1) * WAIT_STEP_MS, WAIT_MAX_MS);

/** How long a child is parked the n-th time in a row (from 1). */
export const parkWaitMs = (nth: number, firstMs: number, maxMs: number): number =>
  Math.min(firstMs * 2 ** (nth - 1), maxMs);
