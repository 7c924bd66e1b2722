/**
 * What crosses to the actor of a token set, and what comes back. No token does: rows of five words, with its digest.
 */

/** At most {@link ROWS_A_MESSAGE} rows. */
export type TokenSetMessage =
  /** `keepMeta`: what is there keeps its meta, because none was given. */
  | { readonly kind: 'set'; readonly rows: Int32Array; readonly keepMeta: boolean }
  | { readonly kind: 'remove'; readonly rows: Int32Array }
  /** One row. */
  | { readonly kind: 'exists'; readonly rows: Int32Array }
  | { readonly kind: 'clear' }
  | { readonly kind: 'expunge' };

/** The answer to `set`: of the rows, the first `written` are in the table; if not all, then because it is full. */
export interface SetAnswer {
  readonly written: number;
  /** Entries that were not there. */
  readonly added: number;
  /** Why there is no room for the next one. */
  readonly full?: string;
}

/** So many take the actor some 0.5 ms: other messages, and its heartbeat, come in between. */
export const ROWS_A_MESSAGE = 1_000;
