/** Expiries as the table has them: whole seconds since the Unix epoch, in 32 bits without a sign. */
import { describeValue } from '../core/describe.js';
import { TokenvisorError } from '../core/errors.js';

/** Of an entry that never expires. */
export const NEVER_S = 0xffff_ffff;

/** The earliest there is: 0 stands for no entry. */
const FIRST_S = 1;

/**
 * An instant in ms as seconds: `down` for what is accepted until then, `up` for what is remembered until then. What lies
 * past the last second there is (in 2106) is rounded so too: `down` to the last one, `up` to never.
 *
 * @throws CONFIG_INVALID for what is no number
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

/** What an entry's seconds are in ms: `Infinity` for never. */
export const expiryMs = (expiryS: number): number => (expiryS === NEVER_S ? Infinity : expiryS * 1_000);

/** The last second whose entries have expired at an instant. */
export const expiredBy = (nowMs: number): number => Math.min(Math.max(Math.floor(nowMs / 1_000), 0), NEVER_S - 1);
