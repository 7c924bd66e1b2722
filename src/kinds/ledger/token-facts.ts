/** The facts that the ledger needs from a token's claims. */
import type { JwtClaims } from '../../jwt/claims.js';
import type { TokenFacts } from './ledger-messages.js';
import { isName } from './ledger-names.js';

/**
 * Without an expiry it never expires; an empty subject counts as none. Undefined for identifiers that a store can't
 * hold.
 */
export const factsOf = ({ jti, sub, exp }: JwtClaims): TokenFacts | undefined => {
  if (!isName(jti) || (sub && !isName(sub))) return undefined;
  return { jti, ...(sub && { subject: sub }), expiresAtMs: exp === undefined ? Infinity : exp * 1_000 };
};
