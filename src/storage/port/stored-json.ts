/** Errors for stored data that the store did not write, or that was damaged: reported without quoting it. */
import { TokenvisorError } from '../../core/errors.js';

/** It does not go away by itself: a person has to look. */
export const unreadable = (what: string): TokenvisorError =>
  new TokenvisorError('STORE_FAILED', `${what}: it was damaged or overwritten. Restore it, or remove it`);

/** Parses stored JSON. The parser's own error would quote it. @throws STORE_FAILED */
export const storedJson = (json: string, what: string): unknown => {
  try {
    return JSON.parse(json) as unknown;
  } catch {
    throw unreadable(`${what} is not JSON`);
  }
};
