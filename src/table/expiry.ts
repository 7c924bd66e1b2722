/** Expiries as the table stores them: whole seconds since the Unix epoch, as unsigned 32-bit integers. */
import { describeValue } from '../core/describe.js';
import { TokenvisorError } from '../core/errors.js';

/** The expiry of an entry that never expires. */
export const NEVER_S = 0xffff_ffff;

/** The earliest expiry: 0 stands for no entry. */
const FIRST_S = 1;

/**
 * Converts an instant in ms to seconds: `down` for entries that are accepted until then, `up` for entries that are
 * remembered until then. An instant past the last second (in 2106) is rounded the same way: `down` to the last one,
 * `up` to never.
 *
 * @throws CONFIG_INVALID if it is not a number
 */
export const expirySeconds = (expiresAtMs: number, rounding: 'down' | 'up'): number => {
  if (typeof expiresAtMs !== 'number') throw notANumber(expiresAtMs);
  if (expiresAtMs === Infinity) return NEVER_S;
  const seconds = rounding === 'up' ? Math.ceil(expiresAtMs / 1_000) : Math.floor(expiresAtMs / 1_000);
  if (seconds < NEVER_S) return Math.max(seconds, FIRST_S);
  if (rounding === 'up' || seconds !== seconds) return rounding === 'up' ? NEVER_S : FIRST_S;
  return NEVER_S - 1;
};

const notANumber = (came: unknown): TokenvisorError =>
  new TokenvisorError('CONFIG_INVALID', `Expected \`expiresAtMs\` to be a number, got ${describeValue(came)}`);

/** An entry's expiry in ms: `Infinity` for never. */
export const expiryMs = (expiryS: number): number => (expiryS === NEVER_S ? Infinity : expiryS * 1_000);

/** The last second whose entries have expired at an instant. */
export const expiredBy = (nowMs: number): number => Math.min(Math.max(Math.floor(nowMs / 1_000), 0), NEVER_S - 1);
