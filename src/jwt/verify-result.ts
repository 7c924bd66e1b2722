/** The result of verifying a token. */
import type { TokenvisorError } from '../core/errors.js';
import type { JwtClaims } from './claims.js';

/** Its claims, or an error: `TOKEN_REFUSED` or `KEYS_UNAVAILABLE`. */
export type VerifyResult =
  { readonly ok: true; readonly claims: JwtClaims } | { readonly ok: false; readonly error: TokenvisorError };
