/** The back-off of replacements of a dead supervisor thread. Pure: the clock is an argument. */

const MAX_RESTARTS = 3;

export const SUPERVISOR_RESTART_WINDOW_MS = 60_000;

/** The wait before the next replacement: none for the first three in 60 s, then as the window allows. */
export const supervisorBackoffMs = (restartsAtMs: readonly number[], nowMs: number): number => {
  const limiting = restartsAtMs.at(-MAX_RESTARTS);
  return limiting === undefined ? 0 : Math.max(0, SUPERVISOR_RESTART_WINDOW_MS - (nowMs - limiting));
};
