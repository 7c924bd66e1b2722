/** What a store finds that it has not written, or that has been damaged since: it is told, and not quoted. */
import { TokenvisorError } from '../../core/errors.js';

/** It does not change by itself: a person has to look. */
export const unreadable = (what: string): TokenvisorError =>
  new TokenvisorError('STORE_FAILED', `${what}: something else has written there. Restore it, or remove it`);

/** What JSON says. What the parser says of one that is none would quote it. @throws STORE_FAILED */
export const storedJson = (json: string, what: string): unknown => {
  try {
    return JSON.parse(json) as unknown;
  } catch {
    throw unreadable(`${what} is no JSON`);
  }
};
