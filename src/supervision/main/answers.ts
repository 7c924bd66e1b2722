/** Converts answers and messages of the supervisor thread for users of the starting thread. */
import { textOf } from '../../core/describe.js';
import { fromWireError } from '../../core/wire-error.js';
import { TokenvisorError } from '../../core/errors.js';
import { isError } from '../../core/realm.js';
import type { SupervisorMessage } from '../thread/supervisor-thread.js';
import type { CommandOutcome } from '../core/types.js';

/** Throws the error of a refused command. */
export const unwrap = (outcome: CommandOutcome): void => {
  if (!outcome.ok) throw fromWireError(outcome.error, 'START_FAILED');
};

/** The details of an `error` event, with its error as an Error: from a thread it may be a text. */
export const withError = (details: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> => {
  const { error } = details;
  return { ...details, error: isError(error) ? error : new TokenvisorError('INTERNAL', textOf(error)) };
};

export const nameTaken = (name: string): TokenvisorError =>
  new TokenvisorError('ALREADY_STARTED', `There is a child named '${name}' already: deleteChild it first`, {
    child: name,
  });

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null;

/** True for a message of the supervisor thread. Any other message must not end the receiving process. */
export const isSupervisorMessage = (message: unknown): message is SupervisorMessage => {
  if (!isObject(message)) return false;
  const { kind, name, type, details, incarnation, calls, how, reason } = message;
  switch (kind) {
    case 'calls':
      return typeof name === 'string' && Number.isInteger(incarnation) && isObject(calls) && isObject(calls['port']);
    case 'event':
      return typeof type === 'string' && isObject(details);
    case 'exit':
      return typeof name === 'string' && Number.isInteger(incarnation) && (how === 'exited' || how === 'killed');
    case 'forgotten':
      return typeof name === 'string';
    case 'ended':
      return typeof reason === 'string';
    default:
      return false;
  }
};
