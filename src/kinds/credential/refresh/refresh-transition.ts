/** One event in progress: the changing state, and the effects so far. */
import type { Instant } from '../../../core/clock.js';
import { withChanges } from '../../../core/with-changes.js';
import type { KeptToken, RefreshState } from './refresh-state.js';
import type { PersistedRefresh, RefreshEffect, RefreshEvent, RefreshNotice } from './refresh-types.js';

export type EventOf<Kind extends RefreshEvent['kind']> = Extract<RefreshEvent, { kind: Kind }>;

/** Lives as long as one call of `refresh`, so that no other code sees it change. */
export class Transition {
  state: RefreshState;
  readonly effects: RefreshEffect[] = [];
  readonly now: Instant;
  readonly random: () => number;

  constructor(state: RefreshState, now: Instant, random: () => number) {
    this.state = state;
    this.now = now;
    this.random = random;
  }

  set(change: Partial<RefreshState>): void {
    this.state = withChanges(this.state, change);
  }

  remember(change: Partial<PersistedRefresh>): void {
    this.set({ memory: withChanges(this.state.memory, change) });
  }

  forget(
    ...names: readonly (
      'lastFailure' | 'notBeforeMonoMs' | 'backOffUntilMonoMs' | 'parked' | 'token' | 'revision' | 'unproved'
    )[]
  ): void {
    const memory = { ...this.state.memory };
    for (const name of names) delete memory[name];
    this.set({ memory });
  }

  /** Records the token that the snapshot holds now. */
  keep(token: KeptToken): void {
    const { generation, sentAt, mintedMonoMs, spans, expired } = token;
    const refreshAfter = spans.refreshAfterMs === Infinity ? {} : { refreshAfterMs: spans.refreshAfterMs };
    this.set({ token });
    this.remember({ token: { generation, sentAt, mintedMonoMs, ...refreshAfter, expired } });
  }

  /** Records that the snapshot holds no token any more. */
  drop(): void {
    const { token: _, ...rest } = this.state;
    this.state = rest;
    this.forget('token');
  }

  endAttempt(): void {
    const { attempt: _, ...rest } = this.state;
    this.state = rest;
  }

  /** Prevents all attempts until then. */
  holdUntil(monoMs: number): void {
    this.remember({ notBeforeMonoMs: Math.max(this.state.memory.notBeforeMonoMs ?? -Infinity, monoMs) });
  }

  /** Backs off until then, or until no token can be served, if that is earlier. */
  backOffUntil(monoMs: number): void {
    this.remember({ backOffUntilMonoMs: Math.max(this.state.memory.backOffUntilMonoMs ?? -Infinity, monoMs) });
  }

  do(effect: RefreshEffect): void {
    this.effects.push(effect);
  }

  emit(event: RefreshNotice): void {
    this.do({ kind: 'emit', event });
  }
}
