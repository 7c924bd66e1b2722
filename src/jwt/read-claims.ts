/** Reads the claims of a token without verifying it: for readers whose caller has verified it. */
import { claimsOf, MAX_TOKEN_LENGTH, type JwtClaims } from './claims.js';

/**
 * The claims in the payload of a compact JWS (RFC 7515 §3.1); undefined if it is not one, or if a claim is missing or
 * of another type. Nothing is verified. Never throws.
 */
export const readClaims = (token: unknown): JwtClaims | undefined => {
  if (typeof token !== 'string' || token.length > MAX_TOKEN_LENGTH) return undefined;
  const begin = token.indexOf('.') + 1;
  const end = token.indexOf('.', begin);
  if (end < 0 || token.includes('.', end + 1)) return undefined;
  try {
    return claimsOf(JSON.parse(Buffer.from(token.slice(begin, end), 'base64url').toString()));
  } catch {
    return undefined;
  }
};
