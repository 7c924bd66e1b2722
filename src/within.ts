/**
 * Waits with a bound.
 */
import { setBound } from './bound.js';
import { systemClock, type Clock } from './clock.js';

/**
 * Waits for `work`, `timeoutMs` of lived time at most (`Infinity`: for as long as it takes). True if it is done; rejects with what it
 * rejects with. What it comes to later is nobody's business.
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
