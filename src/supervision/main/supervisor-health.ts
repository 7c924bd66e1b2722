/** The health of a supervisor and its children. */
import type { Health } from '../child-status.js';
import type { HeldChild } from './child-table.js';

/** The phase of a supervisor, in the starting thread. */
export type SupervisorPhase = 'starting' | 'running' | 'restarting' | 'closing' | 'ended';

/** The health of all children and of the supervisor, from shared memory. */
export interface SupervisorHealth {
  /**
   * `ok`: every child is; `degraded`: every child can serve, but one would not be restarted now, or has failed; `down`:
   * a child can't serve, or the supervisor has ended.
   */
  readonly status: Health;
  /** `restarting`: its thread has died, and another one adopts the children. */
  readonly supervisor: 'running' | 'restarting' | 'ended';
  /** The health of each child, by name. */
  readonly children: Readonly<Record<string, Health>>;
}

export const healthOf = (phase: SupervisorPhase, held: readonly HeldChild[]): SupervisorHealth => {
  const children = Object.fromEntries(held.map(({ ref, handle }) => [ref.name, handle.health()]));
  const all = Object.values(children);
  const isEnded = phase === 'ended' || phase === 'closing';
  const isRestarting = phase === 'restarting';
  const worst = all.includes('down') ? 'down' : all.includes('degraded') || isRestarting ? 'degraded' : 'ok';
  return {
    status: isEnded ? 'down' : worst,
    supervisor: isEnded ? 'ended' : isRestarting ? 'restarting' : 'running',
    children,
  };
};
