/**
 * Deaths on demand, to see how a service of yours does when a thread of the supervisor's ends.
 */
import { describeKind, propertyOf } from '../core/describe.js';
import { TokenvisorError } from '../core/errors.js';
import type { TokenSupervisor } from '../supervision/main/supervisor.js';

/**
 * Ends the thread of a child from outside, whatever it is doing. It is restarted as after any other death; the exit's
 * reason is `killed`. An exchange of a single-use refresh token that is in flight is lost: look at
 * `status().exchanging` first.
 *
 * @throws NOT_FOUND, STOPPED, CONFIG_INVALID for what is no supervisor, ACTOR_DOWN if the supervisor thread dies over it.
 */
export const killChildThread = async (supervisor: TokenSupervisor, name: string): Promise<void> =>
  supervisorOf(supervisor).endThread(name);

/**
 * Ends the supervisor thread, and every actor with it. The starting thread makes another at its next turn, which adopts.
 *
 * @throws STOPPED, CONFIG_INVALID for what is no supervisor
 */
export const killSupervisorThread = async (supervisor: TokenSupervisor): Promise<void> =>
  supervisorOf(supervisor).endThread();

const supervisorOf = (supervisor: TokenSupervisor): TokenSupervisor => {
  if (typeof propertyOf(supervisor, 'endThread') === 'function') return supervisor;
  const message = `Expected what startSupervisor() resolved with, got ${describeKind(supervisor)}`;
  throw new TokenvisorError('CONFIG_INVALID', message);
};
