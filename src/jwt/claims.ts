/** The claims of a token that tokenvisor uses (RFC 7519 §4.1), unchanged: instants in seconds since the Unix epoch. */
export interface JwtClaims {
  /** The token's identifier; not empty. */
  readonly jti: string;
  readonly sub?: string;
  readonly exp?: number;
  readonly iat?: number;
}

/** A longer token is not parsed: JSON.parse can't be interrupted. Servers take headers of 16 KiB in all. */
export const MAX_TOKEN_LENGTH = 64 * 1_024;

const isInstant = (value: unknown): value is number | undefined =>
  value === undefined || (typeof value === 'number' && Number.isFinite(value) && value >= 0);

/** The claims in a payload, or undefined if one of them is missing or invalid. */
export const claimsOf = (payload: unknown): JwtClaims | undefined => {
  if (typeof payload !== 'object' || payload === null || Array.isArray(payload)) return undefined;
  const { jti, sub, exp, iat } = payload as Readonly<Record<string, unknown>>;
  if (typeof jti !== 'string' || jti === '') return undefined;
  if (sub !== undefined && typeof sub !== 'string') return undefined;
  if (!isInstant(exp) || !isInstant(iat)) return undefined;
  return {
    jti,
    ...(sub !== undefined && { sub }),
    ...(exp !== undefined && { exp }),
    ...(iat !== undefined && { iat }),
  };
};
