/**
 * Converts failed requests to ProviderErrors, by the phase that they reached. The phase decides whether a refresh token
 * may have been spent: `connect_failed` and `tls_failed` say that the request never reached the server, all others that
 * it may have.
 */
import { ProviderError } from '../core/errors.js';

/** `sent` begins when the connection is established: from then on the server may have read the request. */
export type RequestPhase = 'connecting' | 'securing' | 'sent';

/** The failure of a request whose connection broke. */
export const connectionFailure = (phase: RequestPhase, error: unknown, host: string): ProviderError => {
  const code = codeOf(error);
  if (isTlsFailure(phase, code)) return tlsFailure(host, code);
  if (phase !== 'sent') {
    return ProviderError.transient(`No connection to ${host} could be made (${code})`, { reason: 'connect_failed' });
  }
  if (code.startsWith('HPE_')) return malformedAnswer(`The answer of ${host} is not HTTP (${code})`);
  return ProviderError.transient(`The connection to ${host} broke before the answer was complete (${code})`, {
    reason: 'connection_lost',
  });
};

/** The failure of a request that was given up: it timed out or was cancelled. */
export const givenUp = (phase: RequestPhase, why: string, host: string): ProviderError =>
  phase === 'sent'
    ? ProviderError.transient(`There was no complete answer from ${host}: ${why}`, { reason: 'timed_out' })
    : ProviderError.transient(`No connection to ${host} could be made: ${why}`, { reason: 'connect_failed' });

const tlsFailure = (host: string, code: string): ProviderError =>
  new ProviderError(`TLS with ${host} failed (${code}): check the certificates on both sides`, {
    class: 'fatal',
    reason: 'tls_failed',
  });

export const malformedAnswer = (
  message: string,
  options: { status?: number; retryAfterMs?: number } = {},
): ProviderError => ProviderError.transient(message, { ...options, reason: 'malformed_answer' });

/** Adds the status and Retry-After of the answer, which are valid even if the rest of it was lost. */
export const withHead = (
  failure: ProviderError,
  head: { readonly status: number; readonly retryAfterMs?: number } | undefined,
): ProviderError =>
  head === undefined
    ? failure
    : new ProviderError(failure.message, { class: failure.class, reason: failure.reason, ...head });

/** True if the server may have read the failed request. */
export const mayHaveBeenRead = (error: unknown): boolean => {
  if (!(error instanceof ProviderError)) return true;
  return error.reason !== 'connect_failed' && error.reason !== 'tls_failed' && error.reason !== 'secret_unreadable';
};

/** The failure of a request that was not sent because of `error`: a single-use refresh token in it is not spent. */
export const unsent = (error: unknown, host: string): ProviderError =>
  error instanceof ProviderError && !mayHaveBeenRead(error)
    ? error
    : ProviderError.transient(`The request to ${host} could not be made: nothing was sent`, {
        reason: 'connect_failed',
      });

/** The error's code: chosen by Node or OpenSSL, never a text from the server. */
export const codeOf = (error: unknown): string => {
  const code: unknown = (error as { code?: unknown } | undefined)?.code;
  return typeof code === 'string' && /^[A-Z][A-Z0-9_]{1,63}$/.test(code) ? code : 'no code';
};

/** With TLS 1.3 a server refuses a client's certificate only after the client has begun to send. */
const REFUSED_CERTIFICATE = /_ALERT_(?:\w*CERTIFICATE\w*|UNKNOWN_CA|ACCESS_DENIED)$/;
const SYSTEM_ERROR = /^E(?!RR_|PROTO$)[A-Z0-9_]+$/;

const isTlsFailure = (phase: RequestPhase, code: string): boolean => {
  if (phase === 'sent') return REFUSED_CERTIFICATE.test(code);
  return phase === 'securing' && !SYSTEM_ERROR.test(code);
};
