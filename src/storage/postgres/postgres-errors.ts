/** What goes wrong with Postgres, as the ledger is told: without secrets, and apart: away, or wrong. */
import { TokenvisorError } from '../../errors.js';
import { redact } from '../../providers/redact.js';

/** SQLSTATEs, or classes of them, of a server that can't answer now: connections, resources, operators, files, itself. */
const AWAY = /^(?:08|53|57|58|XX|40|25006|55P03)/;

const codeOf = (error: unknown): string | undefined => {
  const { code } = (error ?? {}) as { readonly code?: unknown };
  return typeof code === 'string' ? code : undefined;
};

/** True for an error that the server answered with: a SQLSTATE has five characters (and so have some of Node's). */
const isAnswer = (error: unknown): boolean =>
  /^[0-9A-Z]{5}$/.test(codeOf(error) ?? '') && typeof (error as { severity?: unknown }).severity === 'string';

/** True if the same statement may succeed at once: it met another one, and was the one to give way. */
export const isCollision = (error: unknown): boolean => isAnswer(error) && /^40(?:001|P01)$/.test(codeOf(error) ?? '');

/** True if the connection is not to be used again. */
export const isLost = (error: unknown): boolean => !isAnswer(error) || /^(?:08|57P|25006)/.test(codeOf(error) ?? '');

/** An error that has crossed no secret: what the driver says may quote the connection string. */
const cleaned = (error: unknown, secrets: readonly string[]): Error => {
  const { message, name } = error instanceof Error ? error : new Error(String(error));
  const code = codeOf(error);
  return Object.assign(new Error(redact(message, secrets)), { name }, code === undefined ? {} : { code });
};

/** STORE_UNAVAILABLE, or STORE_FAILED for what will not change by itself; the cause is the error, cleaned. */
export const storeError = (doing: string, error: unknown, secrets: readonly string[]): TokenvisorError => {
  if (error instanceof TokenvisorError) return error;
  const cause = cleaned(error, secrets);
  const code = codeOf(error);
  const why = code === undefined ? cause.message : `${cause.message} (${code})`;
  if (isAnswer(error) && !AWAY.test(code ?? '')) {
    return new TokenvisorError('STORE_FAILED', `Postgres refused ${doing}: ${why}`, { cause });
  }
  return new TokenvisorError('STORE_UNAVAILABLE', `Postgres did not answer ${doing}: ${why}. Try again`, { cause });
};
