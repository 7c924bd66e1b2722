/**
 * Waits with a bound.
 */
import { setBound } from './bound.js';
import { systemClock, type Clock } from './clock.js';

/**
 * Waits for `work` for at most `timeoutMs` of lived time (see `setBound`; `Infinity`: no limit). Resolves with true if
 * it is done in time and with false if not; rejects if it rejects. A late result is ignored.
 */
export const within = async (
  timeoutMs: number,
  work: PromiseLike<unknown>,
  clock: Clock = systemClock,
): Promise<boolean> => {
  const done = Promise.resolve(work).then(() => true);
  if (timeoutMs === Infinity) return done;
  let stopTimer = (): void => undefined;
  const late = new Promise<boolean>((resolve) => {
    const timer = setBound(clock, timeoutMs, () => resolve(false));
    stopTimer = () => timer.cancel();
  });
  try {
    return await Promise.race([done, late]);
  } finally {
    stopTimer();
  }
};
