/**
 * The messages to the actor of a token set, and its answers. They have no tokens: only rows of five words, with a
 * digest.
 */

import { ROW_WORDS } from '../../table/layout.js';

/** At most {@link ROWS_A_MESSAGE} rows. */
export type TokenSetMessage =
  /** `keepMeta`: existing entries keep their meta, because none was given. */
  | { readonly kind: 'set'; readonly rows: Int32Array; readonly keepMeta: boolean }
  | { readonly kind: 'remove'; readonly rows: Int32Array }
  /** One row. */
  | { readonly kind: 'exists'; readonly rows: Int32Array }
  | { readonly kind: 'clear' }
  | { readonly kind: 'expunge' };

/** Validates a message from an untrusted port and copies its known members; undefined if it is malformed. */
export const tokenSetMessageOf = (message: unknown): TokenSetMessage | undefined => {
  const { kind, rows, keepMeta } = (message ?? {}) as Readonly<Record<string, unknown>>;
  switch (kind) {
    case 'set':
      return isRows(rows) && typeof keepMeta === 'boolean' ? { kind, rows, keepMeta } : undefined;
    case 'remove':
      return isRows(rows) ? { kind, rows } : undefined;
    case 'exists':
      return isRows(rows) && rows.length === ROW_WORDS ? { kind, rows } : undefined;
    case 'clear':
    case 'expunge':
      return { kind };
    default:
      return undefined;
  }
};

/** Not in shared memory: the rows could be changed while they are put. */
const isRows = (value: unknown): value is Int32Array =>
  value instanceof Int32Array &&
  value.buffer instanceof ArrayBuffer &&
  value.length % ROW_WORDS === 0 &&
  value.length <= ROWS_A_MESSAGE * ROW_WORDS;

/** The answer to `set`: the first `written` rows are in the table; if not all, the table is full. */
export interface SetAnswer {
  readonly written: number;
  /** The number of new entries. */
  readonly added: number;
  /** Why there is no room for the next one. */
  readonly full?: string;
}

/** The rows of a message: they take the actor some 0.5 ms, so other messages and its heartbeat run in between. */
export const ROWS_A_MESSAGE = 1_000;
