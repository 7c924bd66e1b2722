/** The times that the children of a run have: short enough for one of half a minute. */

export const RETRY_MS = 1_000;
export const PROBE_MS = 2_000;
/** Long enough for a machine whose cores are all taken by threads that hang. */
export const TIMEOUT_MS = 4_000;
export const HANG_MS = 3_000;
export const ZOMBIE_AFTER_MS = 2_500;
/** How long a zombie waits: past both. */
export const ZOMBIE_MS = HANG_MS + ZOMBIE_AFTER_MS + 2_000;
export const PARK_MS = 1_500;
