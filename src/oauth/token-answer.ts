/**
 * From the body of a successful answer to a token, in two steps: what concerns times is taken out as it came, because
 * only the schedule knows what a life of 0 or of "soon" means; the rest goes through the OAuth library's checks.
 */
import { payloadBytes, SNAPSHOT } from '../memory/layout.js';
import { malformedAnswer } from '../net/http-failures.js';
import type { MintedToken } from './provider.js';
import type { HttpAnswer } from '../net/http-types.js';

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
  /**
   * The answer for the library: no times, and nothing that nobody reads here, such as an ID token, whose flaws would
   * count. RFC 6749 §5.1: what a client does not know it ignores, however deep it is nested.
   */
  readonly rest: HttpAnswer;
  readonly expiresIn: unknown;
  readonly refreshIn: unknown;
}

/** What the library is given. */
const READ = ['access_token', 'token_type', 'refresh_token', 'scope', 'issued_token_type'] as const;

/** Takes the times out of an answer with the status 200. A member that is null counts as missing. */
export const splitAnswer = (answer: HttpAnswer): SplitAnswer => {
  const parsed = answer.json();
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw malformedAnswer('The token answer is JSON, but no object', { status: answer.status });
  }
  const members = parsed as Readonly<Record<string, unknown>>;
  const rest: Record<string, unknown> = {};
  for (const name of READ) {
    const value = members[name] ?? undefined;
    // Not only that it is none: what is nested deep could not be written again for the library.
    if (typeof value === 'object') throw malformed(`\`${name}\` is no string`);
    if (value !== undefined) rest[name] = value;
  }
  const body = JSON.stringify(rest);
  return {
    rest: { status: answer.status, headers: answer.headers, body, json: () => rest },
    expiresIn: members['expires_in'] ?? undefined,
    refreshIn: members['refresh_in'] ?? undefined,
  };
};

/** A refresh token in a body, whatever else is wrong with it. */
export const refreshTokenIn = (body: string): string | undefined => {
  try {
    const candidate = (JSON.parse(body) as { refresh_token?: unknown } | null)?.refresh_token;
    return isUsable(candidate) && isKept(candidate) ? candidate : undefined;
  } catch {
    return undefined;
  }
};

/** The token that the members say, with its times as they came. */
export const toMintedToken = (members: TokenMembers, { expiresIn, refreshIn }: SplitAnswer): MintedToken => {
  if (!isUsable(members.access_token)) throw malformed('`access_token` has characters that no header can carry');
  if (members.refresh_token !== undefined) {
    if (!isUsable(members.refresh_token)) throw malformed('`refresh_token` has control characters');
    if (!isKept(members.refresh_token))
      throw malformed(`\`refresh_token\` is larger than ${MAX_REFRESH_TOKEN_BYTES} bytes`);
  }
  const tokenType = TOKEN_TYPES.get(members.token_type.toLowerCase());
  if (tokenType === undefined) throw malformed('`token_type` is not Bearer');
  const scopes = (members.scope ?? '').split(' ');
  // Asked here too, because here it is still known that a refresh token has been spent for it.
  const size = Buffer.byteLength(JSON.stringify({ value: members.access_token, tokenType, scopes, fields: {} }));
  if (size > payloadBytes(SNAPSHOT))
    throw malformed(`\`access_token\` and \`scope\` are larger than ${payloadBytes(SNAPSHOT)} bytes`);
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

/** What is kept of a refresh token has to fit into the vault, with what is kept beside it. */
const MAX_REFRESH_TOKEN_BYTES = 48 * 1024;
const isKept = (token: string): boolean => JSON.stringify(token).length <= MAX_REFRESH_TOKEN_BYTES;

const malformed = (what: string): Error => malformedAnswer(`The token answer is malformed: ${what}`, { status: 200 });
