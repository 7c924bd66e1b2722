/**
 * How an answer that is not a token is treated: by its status and its code (RFC 6749 §5.2), never by a text.
 */
import { ProviderError, type FailureClass } from '../../core/errors.js';
import type { HttpAnswer } from '../../net/http-types.js';
import { oauthErrorOf, type OAuthError } from './error-codes.js';
import type { AnswerBody } from './answer-body.js';
import { parseRetryAfter } from '../../net/retry-after.js';

/** Codes of refusals that last until a person acts, also where the status says success. */
const FATAL_CODES: ReadonlySet<string> = new Set([
  'invalid_client',
  'unauthorized_client',
  'unsupported_grant_type',
  'invalid_scope',
  'invalid_grant',
]);

/** 4xx statuses that pass. */
const TRANSIENT_STATUSES: ReadonlySet<number> = new Set([408, 425, 429]);

/** The failure that an answer is; undefined if it is a success whose members are to be read. */
export const failureOf = (
  answer: HttpAnswer,
  { members }: AnswerBody,
  host: string,
  nowMs: number,
): ProviderError | undefined => {
  const error = oauthErrorOf(members);
  if (answer.status === 200) return failureInSuccess(error, host);
  const code = error?.code;
  const retryAfterMs = parseRetryAfter(answer.headers['retry-after'], nowMs, answer.headers['date']);
  const named = answer.status >= 400 && answer.status < 500 && error !== undefined;
  return new ProviderError(
    named
      ? `${host} refused: ${error.shown} (status ${answer.status})`
      : `${host} answered with the status ${answer.status}`,
    {
      class: classOf(answer.status),
      reason: named ? 'oauth_error' : answer.status < 300 ? 'malformed_answer' : 'http_status',
      status: answer.status,
      ...(code === undefined ? {} : { oauthError: code }),
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    },
  );
};

const classOf = (status: number): FailureClass =>
  status < 400 || status >= 500 || TRANSIENT_STATUSES.has(status) ? 'transient' : 'fatal';

/** Some servers refuse with a 200. Such a refusal counts as one only if its code is known to last. */
const failureInSuccess = (error: OAuthError | undefined, host: string): ProviderError | undefined => {
  if (error === undefined) return undefined;
  const { code, shown } = error;
  const fatal = code !== undefined && FATAL_CODES.has(code);
  return new ProviderError(`${host} refused: ${shown} (status 200)`, {
    class: fatal ? 'fatal' : 'transient',
    reason: fatal ? 'oauth_error' : 'malformed_answer',
    ...(code === undefined ? {} : { oauthError: code }),
    status: 200,
  });
};
