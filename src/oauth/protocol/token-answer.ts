/** The answer of a token endpoint, as a token (RFC 6749 §5.1). Pure. */
import { describeKind } from '../../core/describe.js';
import { hasRoomFor, payloadBytes, SNAPSHOT } from '../../memory/layout.js';
import { malformedAnswer } from '../../net/http-failures.js';
import type { HttpAnswer } from '../../net/http-types.js';
import { membersOf, type AnswerBody, type Members } from './answer-body.js';
import { failureOf } from './refusal.js';
import { readSeconds } from './seconds.js';

/** How the answer was asked for. */
export interface Asked {
  readonly host: string;
  /** Wall time now. */
  readonly nowMs: number;
  /** The answer may be a token that is not an access token: `token_type` N_A (RFC 8693 §2.2.1). */
  readonly anyToken: boolean;
}

/** A token, and what is answered with it. */
export interface TokenAnswer {
  readonly token: {
    readonly value: string;
    readonly tokenType: string;
    readonly expiresInS?: number;
    readonly refreshInS?: number;
    readonly scope?: string;
  };
  /** RFC 6749 §6. */
  readonly refreshToken: string | undefined;
  /** RFC 8693 §2.2.1. */
  readonly issuedTokenType: string | undefined;
}

/**
 * Reads an answer, a refusal too (RFC 6749 §5.1, §5.2; RFC 8693 §2.2). Members that are not read here, such as an ID token, are
 * ignored, whatever is in them (RFC 6749 §5.1). A member that is null counts as missing.
 *
 * @throws a ProviderError
 */
export const readTokenAnswer = (answer: HttpAnswer, body: AnswerBody, asked: Asked): TokenAnswer => {
  const { host, nowMs, anyToken } = asked;
  const failure = failureOf(answer, body, host, nowMs);
  if (failure !== undefined) throw failure;
  const members = membersOf(body, answer, host);
  try {
    return readMembers(members, anyToken);
  } catch (error) {
    if (!(error instanceof Flaw)) throw error;
    throw malformedAnswer(`The token answer of ${host} is malformed: ${error.message}`, { status: answer.status });
  }
};

/** The scopes of a list that is separated by spaces (RFC 6749 §3.3). */
export const scopesIn = (list: string): readonly string[] => list.split(' ').filter((scope) => scope !== '');

/** The refresh token of a 2xx answer, if it can be read, whatever else is wrong with the answer. */
export const refreshTokenIn = ({ status }: HttpAnswer, { members }: AnswerBody): string | undefined => {
  const candidate = status >= 200 && status < 300 ? members?.['refresh_token'] : undefined;
  return typeof candidate === 'string' && PRINTABLE.test(candidate) && isKept(candidate) ? candidate : undefined;
};

/** What is wrong with a member. It never quotes the member: that may be a secret. */
class Flaw extends Error {}

const readMembers = (members: Members, anyToken: boolean): TokenAnswer => {
  const value = printable(members, 'access_token');
  if (value === undefined) throw new Flaw('`access_token` is missing');
  const tokenType = readTokenType(members, anyToken);
  const refreshToken = printable(members, 'refresh_token');
  if (refreshToken !== undefined && !isKept(refreshToken)) {
    throw new Flaw(`\`refresh_token\` is larger than ${MAX_REFRESH_TOKEN_BYTES} bytes`);
  }
  const scope = text(members, 'scope');
  // Checked here too, because here it is still known that a refresh token has been spent for it.
  if (!hasRoomFor(SNAPSHOT, { value, tokenType, scopes: scopesIn(scope ?? ''), fields: {} })) {
    throw new Flaw(`\`access_token\` and \`scope\` are larger than ${payloadBytes(SNAPSHOT)} bytes`);
  }
  const expiresInS = seconds(members, 'expires_in');
  if (expiresInS !== undefined && !Number.isFinite(expiresInS)) {
    const got = describeKind(members['expires_in']);
    throw new Flaw(`expected \`expires_in\` to be a finite number of seconds, got ${got}`);
  }
  const refreshInS = seconds(members, 'refresh_in');
  const issued = members['issued_token_type'];
  return {
    token: {
      value,
      tokenType,
      ...(expiresInS === undefined ? {} : { expiresInS }),
      // A hint that can't be read is no reason to refuse a token.
      ...(Number.isFinite(refreshInS) ? { refreshInS: refreshInS! } : {}),
      ...(scope === undefined ? {} : { scope }),
    },
    refreshToken,
    issuedTokenType: typeof issued === 'string' ? issued : undefined,
  };
};

/** RFC 6749 §7.1: the value does not depend on case. Other types of access tokens need a proof that is not made here. */
const readTokenType = (members: Members, anyToken: boolean): string => {
  const type = text(members, 'token_type');
  if (type === undefined) throw new Flaw('`token_type` is missing');
  const name = type.toLowerCase();
  if (name === 'bearer') return 'Bearer';
  if (name === 'n_a' && anyToken) return 'N_A';
  throw new Flaw(`expected \`token_type\` to be Bearer${anyToken ? ' or N_A' : ''}, got another string`);
};

/** A number of seconds; undefined if the member is missing, NaN if it is something else. */
const seconds = (members: Members, name: string): number | undefined => {
  const value = members[name] ?? undefined;
  return value === undefined ? undefined : readSeconds(value);
};

const text = (members: Members, name: string): string | undefined => {
  const value = members[name] ?? undefined;
  if (value === undefined || typeof value === 'string') return value;
  throw new Flaw(`expected \`${name}\` to be a string, got ${describeKind(value)}`);
};

const printable = (members: Members, name: string): string | undefined => {
  const value = text(members, name);
  if (value === undefined || PRINTABLE.test(value)) return value;
  const got = value === '' ? 'an empty string' : 'a string with other characters';
  throw new Flaw(`expected \`${name}\` to be printable ASCII without spaces at its ends, got ${got}`);
};

/** What RFC 6749 (appendix A.12, A.17) lets a token be: printable ASCII, here with no space at its ends. */
const PRINTABLE = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/;

/** What is kept of a refresh token has to fit into the vault, with what is kept beside it. */
const MAX_REFRESH_TOKEN_BYTES = 48 * 1024;
const isKept = (token: string): boolean => JSON.stringify(token).length <= MAX_REFRESH_TOKEN_BYTES;
