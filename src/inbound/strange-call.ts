/** A call that nobody of ours has made. */
import { describeKind, propertyOf } from '../config/describe.js';
import { TokenvisorError } from '../errors.js';

/** What is answered to a message that is none of this kind's: whoever has the port may have sent anything. */
export const strangeCall = (child: string, message: unknown): TokenvisorError => {
  const kind = propertyOf(message, 'kind');
  const came = typeof kind === 'string' ? `a malformed one of the kind '${kind.slice(0, 32)}'` : describeKind(message);
  const expected = `Expected a message of this version of tokenvisor to '${child}'`;
  return new TokenvisorError('CONFIG_INVALID', `${expected}, got ${came}. Call the methods of its handle`, { child });
};
