/** The errors with which commands are answered. Each says what is wrong and what to do. */
import { childNotFound } from '../../core/child-not-found.js';
import { toWireError, type WireError } from '../../core/wire-error.js';
import { TokenvisorError, type TokenvisorErrorCode } from '../../core/errors.js';
import type { ExitReason } from './terms.js';
import type { ChildPhase } from './types.js';

const error = (code: TokenvisorErrorCode, child: string, message: string): WireError =>
  toWireError(new TokenvisorError(code, message, { child }));

export const alreadyStarted = (name: string, phase: ChildPhase): WireError =>
  phase === 'stopped'
    ? error('ALREADY_STARTED', name, `there is a child '${name}', stopped: restart it, or delete it first`)
    : error('ALREADY_STARTED', name, `there is a child '${name}' (${phase}): choose another name, or use that one`);

export const notFound = (name: string): WireError => toWireError(childNotFound(name));

export const stillRunning = (name: string): WireError =>
  error('RUNNING', name, `the child '${name}' is running: terminate it first`);

export const stillRestarting = (name: string, phase: ChildPhase): WireError =>
  phase === 'parked'
    ? error('RESTARTING', name, `the child '${name}' is parked: resume it to start it now, or terminate it first`)
    : error('RESTARTING', name, `the child '${name}' is between two incarnations: wait for it, or terminate it first`);

export const zombieLives = (name: string): WireError =>
  error('RUNNING', name, `a killed thread of the child '${name}' has not ended yet: try again when it has`);

export const stoppedMeanwhile = (name: string): WireError =>
  error('STOPPED', name, `the child '${name}' was stopped while it started`);

export const supervisorStopped = (): WireError =>
  toWireError(new TokenvisorError('STOPPED', 'the supervisor has been closed: start another'));

export const startedTwice = (): WireError =>
  toWireError(new TokenvisorError('ALREADY_STARTED', 'the supervisor has been started: add children by startChild'));

export const startFailed = (name: string, cause: WireError): WireError => ({
  ...error('START_FAILED', name, `the child '${name}' did not start: ${cause.message}`),
  cause,
});

/** The cause of a start that failed because the thread exited. */
export const endedInStart = (name: string, reason: ExitReason): WireError => {
  if (reason.kind === 'crash') return reason.error;
  const how = reason.kind === 'exit' ? `exit code ${reason.code}` : reason.kind;
  return error('START_FAILED', name, `its thread ended before its init was done (${how})`);
};
