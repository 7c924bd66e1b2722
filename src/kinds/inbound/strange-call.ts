/** The error for a call that the actor does not know. */
import { describeKind, propertyOf } from '../../core/describe.js';
import { TokenvisorError } from '../../core/errors.js';

/** Made for a malformed message: any holder of the port can send one. */
export const strangeCall = (child: string, message: unknown): TokenvisorError => {
  const kind = propertyOf(message, 'kind');
  const came =
    typeof kind === 'string' ? `a malformed message of the kind '${kind.slice(0, 32)}'` : describeKind(message);
  const expected = `Expected a message of this version of tokenvisor to '${child}'`;
  return new TokenvisorError('CONFIG_INVALID', `${expected}, got ${came}. Call the methods of its handle`, { child });
};
