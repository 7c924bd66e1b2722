/** The supervisor's state of a child, in shared memory. */
import { readJson } from '../memory/json.js';
import { SUPERVISION } from '../memory/layout.js';
import type { SharedWords } from '../memory/words.js';
import type { ExitReason } from './core/terms.js';
import type { ChildPhase, PersistedChild } from './core/types.js';

/**
 * The health of a child, for `health()`: `ok`, `degraded` (it can serve, but the last attempt failed, or it would not
 * be restarted now) or `down` (it can't serve).
 */
export type Health = 'ok' | 'degraded' | 'down';

/** The common part of `status()` for children of any kind. */
export interface ChildStatus {
  /** The child's name. */
  readonly name: string;
  /** Its phase. */
  readonly state: ChildPhase;
  /** Counts the threads of this child, from 1; 0 before the first. */
  readonly incarnation: number;
  /** How often it was restarted. */
  readonly restarts: number;
  /** Why the last thread ended, and when: ms since the Unix epoch. */
  readonly lastExit?: { readonly reason: ExitReason; readonly atMs: number };
}

/** @internal The supervisor's last record of a child. */
export const readSupervision = (words: SharedWords): PersistedChild | undefined =>
  readJson(words, SUPERVISION) as PersistedChild | undefined;

/** @internal */
export const readChildStatus = (name: string, words: SharedWords): ChildStatus =>
  childStatusOf(name, readSupervision(words));

/** @internal The same of a record that has been read. */
export const childStatusOf = (name: string, supervision: PersistedChild | undefined): ChildStatus => ({
  name,
  state: supervision?.phase ?? 'starting',
  incarnation: supervision?.incarnation ?? 0,
  restarts: supervision?.restarts ?? 0,
  ...(supervision?.lastExit && { lastExit: supervision.lastExit }),
});
