/**
 * How a supervisor and its children do, in one word and by name.
 */
import type { Health } from '../child-status.js';
import type { HeldChild } from './child-table.js';

/** What the starting thread knows of its supervisor. */
export type SupervisorPhase = 'starting' | 'running' | 'restarting' | 'closing' | 'ended';

/** How the whole does, from shared memory. */
export interface SupervisorHealth {
  /**
   * `ok`: every child is; `degraded`: every one can serve, but nobody would restart one now, or one has failed;
   * `down`: one can't serve, or the supervisor has ended.
   */
  readonly status: Health;
  /** `restarting`: its thread has died, and another adopts the children. */
  readonly supervisor: 'running' | 'restarting' | 'ended';
  /** How each child does, by name. */
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
