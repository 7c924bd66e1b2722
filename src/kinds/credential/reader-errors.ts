/** Errors for a reader without a token: the cause, what to do, and the last failed mint as `cause`. */
import { mintError, TokenvisorError } from '../../core/errors.js';
import type { CredentialStatus } from './status.js';

/** The error of `current()`. `invalidated`: the last generation that an API has refused. */
export const unavailable = (status: CredentialStatus, invalidated: number): TokenvisorError => {
  const { name: child, state, expiresAtMs, generation } = status;
  if (state === 'stopped') return stopped(child);
  if (state === 'parked') return parked(status);
  const cause = failureCause(status);
  if (expiresAtMs !== undefined && generation > invalidated) {
    const message = `The token of '${child}' has expired (${new Date(expiresAtMs).toISOString()}, less the margin) and there is no newer one`;
    return new TokenvisorError('TOKEN_EXPIRED', message, { child, ...cause });
  }
  const message =
    invalidated > 0
      ? `The token of '${child}' was withdrawn by invalidate(), and there is no new one yet: await get()`
      : `There is no token of '${child}' yet: await get() or supervisor.ready() first`;
  return new TokenvisorError('TOKEN_NOT_READY', message, { child, ...cause });
};

export const stopped = (child: string): TokenvisorError =>
  new TokenvisorError('STOPPED', `'${child}' has been stopped`, { child });

export const parked = (status: CredentialStatus): TokenvisorError => {
  const { name: child } = status;
  const why = status.parked?.why ?? 'fatal_answer';
  const failed = failureCause(status);
  // `lastExit` has the error of a thread that died.
  const said = failed.cause && why !== 'restart_intensity' ? `: ${failed.cause.message}` : '';
  const message = `'${child}' is parked (${why})${said}. Fix the cause, then resume() or update()`;
  return new TokenvisorError('PARKED', message, { child, ...failed });
};

/** The error of a wait for `what` (`a new token`) that timed out. */
export const timedOut = (status: CredentialStatus, what: string, timeoutMs: number): TokenvisorError => {
  const { name: child, state } = status;
  const failed = failureCause(status);
  const said = failed.cause ? `: ${failed.cause.message}` : '';
  const message = `'${child}' had no ${what.replace(/^an? /, '')} within ${timeoutMs} ms (state: ${state})${said}`;
  return new TokenvisorError('TIMEOUT', message, { child, ...failed });
};

/** The last failed mint, as an error. */
export const failureCause = ({ lastFailure, failures }: CredentialStatus): { cause?: Error } =>
  lastFailure && failures > 0 ? { cause: mintError(lastFailure) } : {};
