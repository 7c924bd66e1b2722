/**
 * One turn of a credential's refresh loop, told to whoever listens in its thread, on the diagnostics channel
 * `tokenvisor:refresh`. Told before its effects are carried out: they may be the last that this thread does.
 */
import { channel } from 'node:diagnostics_channel';
import type { Instant } from '../../../core/clock.js';
import { refresh, type RefreshResult } from './refresh.js';
import type { RefreshState } from './refresh-state.js';
import type { RefreshEffect, RefreshEvent } from './refresh-types.js';

/** All that `refresh` was given and said: with the same once more, it says the same. No secret is in it. */
export interface RefreshTurn {
  /** The credential's. */
  readonly name: string;
  /** As it was before. */
  readonly state: RefreshState;
  readonly event: RefreshEvent;
  readonly now: Instant;
  /** What was drawn at random, in order. */
  readonly draws: readonly number[];
  readonly effects: readonly RefreshEffect[];
}

const turns = channel('tokenvisor:refresh');

/** `refresh` with numbers that nobody can foretell. Where nobody listens it costs a look at a flag. */
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
