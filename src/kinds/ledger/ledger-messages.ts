/**
 * The messages to the ledger's actor, and its answers. A token is sent only for verification; everything else is
 * claims.
 */
import type { PurposeFilter } from './ledger-record.js';

/** The claims that the ledger needs. */
export interface TokenFacts {
  readonly jti: string;
  readonly subject?: string | undefined;
  /** `Infinity`: it never expires. */
  readonly expiresAtMs: number;
}

/** The most tokens of one `revoke_many`. */
export const MOST_OF_A_BATCH = 500;

export type LedgerCall =
  | { readonly kind: 'revoke'; readonly token: string }
  | { readonly kind: 'revoke'; readonly facts: TokenFacts }
  | { readonly kind: 'revoke_many'; readonly tokens: readonly string[] }
  | { readonly kind: 'revoke_many'; readonly facts: readonly (TokenFacts | undefined)[] }
  | { readonly kind: 'revoke_subject'; readonly subject: string; readonly filter: PurposeFilter }
  | { readonly kind: 'store'; readonly facts: TokenFacts; readonly purpose: string; readonly extraData: unknown }
  | { readonly kind: 'store_changes'; readonly facts: TokenFacts; readonly purpose: string; readonly changes: unknown }
  | { readonly kind: 'get'; readonly jti: string; readonly purpose?: string | undefined }
  | { readonly kind: 'get_changes'; readonly jti: string }
  | { readonly kind: 'read_expired'; readonly limit: number }
  | { readonly kind: 'expunge' };

/** The answer of `revoke_many`, for one batch. */
export interface RevokedBatch {
  readonly revoked: number;
  readonly alreadyRevoked: number;
  /** The indices of tokens in the batch that could not be verified. */
  readonly refused: readonly number[];
}

/** A record about a token, as callers get it: never the token. Instants in ms since the Unix epoch. */
export interface TokenRecord {
  /** The token's identifier: the claim `jti`. */
  readonly jti: string;
  /** The token's subject: the claim `sub`. */
  readonly subject?: string;
  /** The purpose that it was stored for. */
  readonly purpose?: string;
  /** The data stored with it. */
  readonly extraData?: unknown;
  /** When it expires; `Infinity` for never. */
  readonly expiresAtMs: number;
  /** When the record was made. */
  readonly createdAtMs: number;
  /** When it was last changed. */
  readonly updatedAtMs: number;
  /** When it was revoked; absent if it is not. */
  readonly revokedAtMs?: number;
}

/** The result of `revokeAllForSubject`. */
export interface SubjectRevoked {
  /** How many stored tokens this call has revoked. */
  readonly revoked: number;
  /** With `cutoffs`: all tokens that were issued before this instant are revoked. Ms since the Unix epoch. */
  readonly issuedBeforeMs?: number;
}
