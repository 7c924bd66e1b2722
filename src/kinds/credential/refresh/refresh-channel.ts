/**
 * Publishes each turn of a credential's refresh loop on the diagnostics channel `tokenvisor:refresh`, for subscribers
 * in its thread. Before its effects are carried out: they may be the last thing that this thread does.
 */
import { channel } from 'node:diagnostics_channel';
import type { Instant } from '../../../core/clock.js';
import { refresh, type RefreshResult } from './refresh.js';
import type { RefreshState } from './refresh-state.js';
import type { RefreshEffect, RefreshEvent } from './refresh-types.js';

/** The input and output of one `refresh` call: the same input gives the same output. It has no secret. */
export interface RefreshTurn {
  /** The credential's name. */
  readonly name: string;
  /** The state before. */
  readonly state: RefreshState;
  readonly event: RefreshEvent;
  readonly now: Instant;
  /** The random numbers drawn, in order. */
  readonly draws: readonly number[];
  readonly effects: readonly RefreshEffect[];
}

const turns = channel('tokenvisor:refresh');

/** Calls `refresh` with cryptographically random numbers. Without subscribers it costs one flag check. */
export const takeTurn = (name: string, state: RefreshState, event: RefreshEvent, now: Instant): RefreshResult => {
  if (!turns.hasSubscribers) return refresh(state, event, now, Math.random);
  const draws: number[] = [];
  const random = (): number => {
    const drawn = Math.random();
    draws.push(drawn);
    return drawn;
  };
  const result = refresh(state, event, now, random);
  turns.publish({ name, state, event, now, draws, effects: result.effects } satisfies RefreshTurn);
  return result;
};
