/**
 * From the body of a successful answer to a token, in two steps: what concerns times is taken out as it came, because
 * only the schedule knows what a life of 0 or of "soon" means; the rest goes through the OAuth library's checks.
 */
import { malformedAnswer } from './http-failures.js';
import type { HttpAnswer, MintedToken } from './provider.js';

/** The members of RFC 6749 §5.1 that are read here. */
export interface TokenMembers {
  readonly access_token: string;
  readonly token_type: string;
  readonly refresh_token?: string | undefined;
  readonly scope?: string | undefined;
  /** RFC 8693 §2.2.1. */
  readonly issued_token_type?: unknown;
}

export interface SplitAnswer {
  /** The answer for the library: no times, and no ID token, which nobody reads here and whose flaws would count. */
  readonly rest: HttpAnswer;
  readonly expiresIn: unknown;
  readonly refreshIn: unknown;
}

/** Takes the times out of an answer with the status 200. */
export const splitAnswer = (answer: HttpAnswer): SplitAnswer => {
  const parsed = answer.json();
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw malformedAnswer('The token answer is JSON, but no object', { status: answer.status });
  }
  const { expires_in, refresh_in, id_token: _idToken, ...rest } = parsed as Record<string, unknown>;
  const body = JSON.stringify(rest);
  return {
    rest: { status: answer.status, headers: answer.headers, body, json: () => rest },
    expiresIn: expires_in,
    refreshIn: refresh_in,
  };
};

/** A refresh token in a body, whatever else is wrong with it. */
export const refreshTokenIn = (body: string): string | undefined => {
  try {
    const candidate = (JSON.parse(body) as { refresh_token?: unknown } | null)?.refresh_token;
    return isUsable(candidate) ? candidate : undefined;
  } catch {
    return undefined;
  }
};

/** The token that the members say, with its times as they came. */
export const toMintedToken = (members: TokenMembers, { expiresIn, refreshIn }: SplitAnswer): MintedToken => {
  if (!isUsable(members.access_token)) throw malformed('`access_token` has characters that no header can carry');
  if (members.refresh_token !== undefined && !isUsable(members.refresh_token)) {
    throw malformed('`refresh_token` has control characters');
  }
  const tokenType = TOKEN_TYPES.get(members.token_type.toLowerCase());
  if (tokenType === undefined) throw malformed('`token_type` is not Bearer');
  if (expiresIn !== undefined && !isSeconds(expiresIn)) throw malformed('`expires_in` is not a number of seconds');
  return {
    value: members.access_token,
    tokenType,
    ...(expiresIn === undefined ? {} : { expiresInS: expiresIn }),
    // A hint that can't be read is no reason to refuse a token.
    ...(isSeconds(refreshIn) ? { refreshInS: refreshIn } : {}),
    ...(members.scope === undefined ? {} : { scope: members.scope }),
  };
};

/** The library has refused N_A where it is not asked for. */
const TOKEN_TYPES: ReadonlyMap<string, string> = new Map([
  ['bearer', 'Bearer'],
  ['n_a', 'N_A'],
]);

const isSeconds = (value: unknown): value is number | string => {
  if (typeof value === 'number') return Number.isFinite(value);
  return typeof value === 'string' && /^\s*[+-]?\d+(?:\.\d+)?\s*$/.test(value);
};

/** What RFC 6749 (appendix A.12, A.17) lets a token be: printable ASCII, here with no space at its ends. */
const isUsable = (value: unknown): value is string =>
  typeof value === 'string' && /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(value);

const malformed = (what: string): Error => malformedAnswer(`The token answer is malformed: ${what}`, { status: 200 });
