/** Checks a provider's answer: the token must fit into a header, its lifetime must be a usable number. Pure. */
import type { Instant } from '../../core/clock.js';
import { isPlainObject } from '../../core/describe.js';
import type { FailureClass, FailureReason, MintFailure } from '../../core/errors.js';
import { hasRoomFor, payloadBytes, SNAPSHOT } from '../../memory/layout.js';
import { redact, redactOpaque } from '../../secrets/redact.js';
import type { MintedToken } from '../../oauth/provider.js';
import type { Json } from '../../core/json.js';
import type { AnswerLifetime } from './refresh/refresh-types.js';
import { readLifetime } from './refresh/schedule.js';
import type { TokenPayload } from '../../oauth/token.js';
import { scopesIn } from '../../oauth/protocol/token-answer.js';

export type AnswerReading =
  | { readonly ok: true; readonly payload: TokenPayload; readonly lifetime: AnswerLifetime }
  | { readonly ok: false; readonly failure: MintFailure };

/** A header's value (RFC 9110 §5.5), without white space at the ends. */
const HEADER_TEXT = /^[\x21-\x7e\x80-\xff](?:[\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?$/;
/** A token of RFC 9110 §5.6.2, as an authentication scheme is. */
const SCHEME = /^[!#$%&'*+.^_`|~\w-]+$/;

const malformed = (what: string, expected: string): { readonly ok: false; readonly failure: MintFailure } => ({
  ok: false,
  failure: {
    class: 'transient',
    reason: 'malformed_answer',
    message: `Expected ${what} to be ${expected}, got something else`,
  },
});

const readScopes = (scope: unknown): readonly string[] | undefined => {
  if (scope === undefined || scope === null) return [];
  if (typeof scope === 'string') return scopesIn(scope);
  return Array.isArray(scope) && scope.every((part) => typeof part === 'string') ? scope : undefined;
};

/** Readers freeze the fields level by level, on a stack that may be nearly full. */
const MAX_DEPTH = 100;

const isShallow = (value: unknown, levels = MAX_DEPTH): boolean => {
  if (typeof value !== 'object' || value === null) return true;
  return levels > 0 && Object.values(value).every((member) => isShallow(member, levels - 1));
};

/** A plain JSON copy, or undefined. */
const readFields = (fields: unknown): Readonly<Record<string, Json>> | undefined => {
  if (fields === undefined) return {};
  if (!isPlainObject(fields)) return undefined;
  try {
    // A toJSON may have changed its type.
    const copy: unknown = JSON.parse(JSON.stringify(fields));
    return isPlainObject(copy) && isShallow(copy) ? (copy as Record<string, Json>) : undefined;
  } catch {
    return undefined;
  }
};

/** Checks the value that a provider returned. Never throws. */
export const readAnswer = (minted: unknown, sentAt: Instant): AnswerReading => {
  try {
    return readMinted(minted, sentAt);
  } catch {
    // A getter threw, or a proxy's trap.
    return malformed('the result of the provider', 'an object whose members can be read');
  }
};

const readMinted = (minted: unknown, sentAt: Instant): AnswerReading => {
  if (!isPlainObject(minted)) return malformed('the result of the provider', 'an object with a `value`');
  const answer = minted as Partial<Record<keyof MintedToken, unknown>>;
  const { value } = answer;
  if (typeof value !== 'string' || !HEADER_TEXT.test(value)) {
    return malformed('`value` of the answer', 'a string that is usable in a header');
  }
  const type = answer.tokenType ?? 'Bearer';
  if (typeof type !== 'string' || !SCHEME.test(type))
    return malformed('`tokenType` of the answer', 'the name of a scheme');
  const scopes = readScopes(answer.scope);
  if (!scopes) return malformed('`scope` of the answer', 'a string or a list of strings');
  const fields = readFields(answer.fields);
  if (!fields) return malformed('`fields` of the answer', `a JSON object, at most ${MAX_DEPTH} levels deep`);
  // Servers vary the case of the scheme (RFC 6749 §5.1); some APIs require that of RFC 6750.
  const tokenType = type.toLowerCase() === 'bearer' ? 'Bearer' : type;
  const payload: TokenPayload = { value, tokenType, scopes, fields };
  if (!hasRoomFor(SNAPSHOT, payload))
    return malformed('the token with its `fields`', `at most ${payloadBytes(SNAPSHOT)} bytes in all`);
  const reading = readLifetime(answer, sentAt.wallMs);
  return reading.ok ? { ok: true, payload, lifetime: reading.lifetime } : reading;
};

const CLASSES: ReadonlySet<unknown> = new Set<FailureClass>(['transient', 'fatal', 'ambiguous']);
const MAX_MESSAGE = 300;
/** The longest name or code. With {@link MAX_MESSAGE} it keeps a failure far below the size of its record. */
const MAX_WORD = 100;

const causeOf = ({ message, code }: NodeJS.ErrnoException): string => {
  const why = message === '' ? code : message;
  return why === undefined ? '' : `: ${why}`;
};

/**
 * Converts a provider's error to a failure without secrets. It is recognised by code and class, not by instanceof: a
 * module may have another copy of the package. Never throws, whatever was thrown.
 */
export const readFailure = (thrown: unknown, secrets: Iterable<string>): MintFailure => {
  try {
    return readThrown(thrown, secrets);
  } catch {
    const message = `The provider threw something that can't be read (${typeof thrown})`;
    return { class: 'transient', reason: 'provider_threw', message };
  }
};

const readThrown = (thrown: unknown, secrets: Iterable<string>): MintFailure => {
  const error = thrown as Partial<Record<string, unknown>> | null | undefined;
  const said = redact(String(error?.message ?? thrown), secrets);
  if (error?.code !== 'MINT_FAILED' || !CLASSES.has(error.class)) {
    const thrownName = typeof error?.name === 'string' ? error.name : typeof thrown;
    const name = redactOpaque(redact(thrownName, secrets)).slice(0, 50);
    // fetch() gives its reason in the cause only.
    const because = error?.cause instanceof Error ? causeOf(error.cause) : '';
    const text = redactOpaque(said + redact(because, secrets)).slice(0, MAX_MESSAGE);
    return { class: 'transient', reason: 'provider_threw', message: `The provider threw ${name}: ${text}` };
  }
  const { oauthError, status, retryAfterMs } = error;
  return {
    class: error.class as FailureClass,
    reason: redact(String(error.reason), secrets).slice(0, MAX_WORD) as FailureReason,
    // The built-in providers have other reasons, and their texts consist of names and numbers.
    message: (error.reason === 'provider_threw' ? redactOpaque(said) : said).slice(0, MAX_MESSAGE),
    // A text from the server, which may be anything.
    ...(typeof oauthError === 'string' && { oauthError: redact(oauthError, secrets).slice(0, MAX_WORD) }),
    ...(typeof status === 'number' && { status }),
    ...(typeof retryAfterMs === 'number' && retryAfterMs >= 0 && { retryAfterMs }),
  };
};
