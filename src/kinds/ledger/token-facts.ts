/** What the ledger needs to know of a token, of its claims. */
import type { JwtClaims } from '../../jwt/claims.js';
import type { TokenFacts } from './ledger-messages.js';
import { isName } from './ledger-names.js';

/**
 * Without an expiry it never expires; an empty subject is none. Undefined for names that no store could take.
 */
export const factsOf = ({ jti, sub, exp }: JwtClaims): TokenFacts | undefined => {
  if (!isName(jti) || (sub && !isName(sub))) return undefined;
  return { jti, ...(sub && { subject: sub }), expiresAtMs: exp === undefined ? Infinity : exp * 1_000 };
};
