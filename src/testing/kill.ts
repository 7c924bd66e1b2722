/**
 * Deaths on demand, to see how a service of yours does when a thread of the supervisor's ends.
 */
import type { TokenSupervisor } from '../supervision/supervisor.js';

/**
 * Ends the thread of a child from outside, whatever it is doing. It is restarted as after any other death; the exit's
 * reason is `killed`. An exchange of a single-use refresh token that is in flight is lost: look at
 * `status().exchanging` first.
 *
 * @throws NOT_FOUND, STOPPED, ACTOR_DOWN if the supervisor thread dies over it.
 */
export const killChildThread = (supervisor: TokenSupervisor, name: string): Promise<void> => supervisor.endThread(name);

/**
 * Ends the supervisor thread, and every actor with it. The starting thread makes another at its next turn, which adopts.
 *
 * @throws STOPPED
 */
export const killSupervisorThread = (supervisor: TokenSupervisor): Promise<void> => supervisor.endThread();
