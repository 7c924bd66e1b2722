/**
 * What the supervisor thread answers and tells, as the starting thread's users are given it.
 */
import { textOf } from '../../core/describe.js';
import { fromWireError } from '../../core/wire-error.js';
import { TokenvisorError } from '../../core/errors.js';
import { isError } from '../../core/realm.js';
import type { SupervisorMessage } from '../thread/supervisor-thread.js';
import type { CommandOutcome } from '../core/types.js';

/** Throws what a command was refused with. */
export const unwrap = (outcome: CommandOutcome): void => {
  if (!outcome.ok) throw fromWireError(outcome.error, 'START_FAILED');
};

/** The details of an `error` event, its error an Error: what a thread could tell of it is a text. */
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

/** True for what the supervisor thread tells. Anything else must not end the process that hears it. */
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
