/** Kills threads on demand, to test how a service behaves when a thread of the supervisor dies. */
import { describeKind, propertyOf } from '../core/describe.js';
import { TokenvisorError } from '../core/errors.js';
import type { TokenSupervisor } from '../supervision/main/supervisor.js';

/**
 * Ends the thread of a child from outside, at any point. It is restarted as after any other death; the exit's reason is
 * `killed`. An exchange of a single-use refresh token in flight is lost: check `status().exchanging` first.
 *
 * @throws NOT_FOUND, STOPPED, CONFIG_INVALID if it is not a supervisor, ACTOR_DOWN if the supervisor thread dies during
 *   it.
 */
export const killChildThread = async (supervisor: TokenSupervisor, name: string): Promise<void> =>
  supervisorOf(supervisor).endThread(name);

/**
 * Ends the supervisor thread, and every actor with it. The starting thread starts another at its next turn, which
 * adopts the children.
 *
 * @throws STOPPED, CONFIG_INVALID if it is not a supervisor
 */
export const killSupervisorThread = async (supervisor: TokenSupervisor): Promise<void> =>
  supervisorOf(supervisor).endThread();

const supervisorOf = (supervisor: TokenSupervisor): TokenSupervisor => {
  if (typeof propertyOf(supervisor, 'endThread') === 'function') return supervisor;
  const message = `Expected a supervisor from startSupervisor(), got ${describeKind(supervisor)}`;
  throw new TokenvisorError('CONFIG_INVALID', message);
};
