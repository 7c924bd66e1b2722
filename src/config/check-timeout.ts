/** The bound of a wait: what every `timeoutMs` that a caller gives may be. */
import { TokenvisorError } from '../errors.js';

/** The longest that a timer of Node's can take: ms. */
export const MAX_TIMEOUT_MS = 2 ** 31 - 1;

/** Throws CONFIG_INVALID for what is no number of milliseconds from 0 to {@link MAX_TIMEOUT_MS}. */
export const checkTimeout = (timeoutMs: unknown): void => {
  if (typeof timeoutMs === 'number' && timeoutMs >= 0 && timeoutMs <= MAX_TIMEOUT_MS) return;
  throw new TokenvisorError(
    'CONFIG_INVALID',
    `Expected \`timeoutMs\` to be a number from 0 to ${MAX_TIMEOUT_MS}, got ${String(timeoutMs)} (${typeof timeoutMs})`,
  );
};
