/** Converts errors of Postgres to those of a ledger, without secrets: unavailable for now, or failed for good. */
import { TokenvisorError } from '../../core/errors.js';
import { redact } from '../../secrets/redact.js';

/**
 * SQLSTATEs, or classes of them, of a server that can't answer now: connections, resources, operators, files, itself.
 */
const AWAY = /^(?:08|53|57|58|XX|40|25006|55P03)/;

/** Undefined unless it looks like a code: a server can send any text. */
const codeOf = (error: unknown): string | undefined => {
  const { code } = (error ?? {}) as { readonly code?: unknown };
  return typeof code === 'string' && /^[A-Z0-9_]{1,64}$/.test(code) ? code : undefined;
};

/** True for an error that the server sent: a SQLSTATE has five characters (as have some of Node's codes). */
const isAnswer = (error: unknown): boolean =>
  /^[0-9A-Z]{5}$/.test(codeOf(error) ?? '') && typeof (error as { severity?: unknown }).severity === 'string';

/** True if the same statement may succeed at once: it collided with another one, and was aborted. */
export const isCollision = (error: unknown): boolean => isAnswer(error) && /^40(?:001|P01)$/.test(codeOf(error) ?? '');

/** True if the connection must not be used again. */
export const isLost = (error: unknown): boolean => !isAnswer(error) || /^(?:08|57P|25006)/.test(codeOf(error) ?? '');

/** Removed: control characters can drive a terminal, and a line break starts another log line. */
const CONTROLS = /[\p{C}\p{Zl}\p{Zp}]+/gu;
const MAX_MESSAGE = 500;

/** An error with this text, and the name and code of `error`. */
const cleaned = (error: unknown, said: string): Error => {
  const { name } = error instanceof Error ? error : new Error();
  const code = codeOf(error);
  return Object.assign(new Error(said), { name }, code === undefined ? {} : { code });
};

/** The text of an authenticated server, without secrets. */
const messageOf = (error: unknown, secrets: readonly string[]): string => {
  const message = error instanceof Error ? error.message : String(error);
  return redact(message, secrets).replaceAll(CONTROLS, ' ').slice(0, MAX_MESSAGE);
};

/** Texts of this module, or of the driver itself. The driver's other texts may quote the server. */
const OWN_TEXTS =
  /^(?:no connection within \d+ ms|it was closed|the connection ended|Connection terminated(?: unexpectedly)?|The server does not support SSL connections|SASL: SCRAM-SERVER-FIRST-MESSAGE: client password must be a (?:non-empty )?string)$/;

/**
 * The text of an error before the server was authenticated. Any host may have sent it, so only the SQLSTATE is shown.
 */
const beforeAuthentication = (error: unknown): string => {
  const code = codeOf(error);
  if (isAnswer(error)) return 'it was refused';
  if (code !== undefined && /^[A-Z][A-Z0-9_]{1,63}$/.test(code)) return 'the connection failed';
  const message = error instanceof Error ? error.message : '';
  return OWN_TEXTS.test(message) ? message : 'the driver failed; its message is not shown, as it may quote the server';
};

interface ErrorContext {
  readonly secrets: readonly string[];
  /** Whether the session had begun. */
  readonly authenticated: boolean;
}

/** STORE_UNAVAILABLE, or STORE_FAILED for errors that a retry does not fix; the cause is the error, cleaned. */
export const storeError = (doing: string, error: unknown, context: ErrorContext): TokenvisorError => {
  if (error instanceof TokenvisorError) return error;
  const said = context.authenticated ? messageOf(error, context.secrets) : beforeAuthentication(error);
  const cause = cleaned(error, said);
  const code = codeOf(error);
  const why = code === undefined ? said : `${said} (${code})`;
  if (isAnswer(error) && !AWAY.test(code ?? '')) {
    return new TokenvisorError('STORE_FAILED', `Postgres refused ${doing}: ${why}`, { cause });
  }
  return new TokenvisorError('STORE_UNAVAILABLE', `Postgres did not answer ${doing}: ${why}. Try again`, { cause });
};
