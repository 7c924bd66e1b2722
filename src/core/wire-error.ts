/** The form in which errors cross between threads. */
import { propertyOf, textOf } from './describe.js';
import {
  type ConfigProblem,
  type FailureClass,
  type FailureReason,
  type MintFailure,
  ProviderError,
  TokenvisorError,
  type TokenvisorErrorCode,
} from './errors.js';
import { isError } from './realm.js';

/** An error as it crosses threads and appears in events: plain data, without a stack or a secret. */
export interface WireError {
  /** The error's name: `TokenvisorError`, or another one. */
  readonly name: string;
  /** The error's message, at most 1,000 characters. */
  readonly message: string;
  /** Its code, if it has one. */
  readonly code?: string;
  /** The child that the error concerns. */
  readonly child?: string;
  /** The underlying error. */
  readonly cause?: WireError;
  /** Of CONFIG_INVALID: the problems, one by one. */
  readonly problems?: readonly ConfigProblem[];
  /** Of a ProviderError: how it is treated, and the server's answer. */
  readonly failure?: Omit<MintFailure, 'message'>;
}

const MAX_MESSAGE = 1_000;
const MAX_CAUSES = 4;
const MAX_PROBLEMS = 100;

const text = (value: unknown): string => textOf(value).slice(0, MAX_MESSAGE);

const OURS: readonly string[] = ['TokenvisorError', 'ProviderError'];

/** By name, not by class: a user's module may have loaded another copy of the package. */
const isOurs = (name: string, code: unknown): boolean => OURS.includes(name) && typeof code === 'string';

const problemsOf = (error: Error): readonly ConfigProblem[] => {
  const problems = propertyOf(error, 'problems');
  if (!Array.isArray(problems)) return [];
  return problems.slice(0, MAX_PROBLEMS).flatMap((problem: unknown) => {
    if (typeof problem !== 'object' || problem === null) return [];
    const [path, expected, came] = ['path', 'expected', 'came'].map((key) => text(propertyOf(problem, key)));
    return [{ path, expected, came } as ConfigProblem];
  });
};

const failureOf = (error: Error): NonNullable<WireError['failure']> => {
  const optional = { oauthError: 'string', status: 'number', retryAfterMs: 'number' } as const;
  const details = Object.entries(optional).flatMap(([key, type]) => {
    const value = propertyOf(error, key);
    return typeof value === type ? [[key, value] as const] : [];
  });
  return {
    class: text(propertyOf(error, 'class')) as FailureClass,
    reason: text(propertyOf(error, 'reason')) as FailureReason,
    ...Object.fromEntries(details),
  };
};

/** Converts any thrown value to its wire form. Never throws, and the result can always be cloned. */
export const toWireError = (thrown: unknown, depth = 0): WireError => {
  if (!isError(thrown)) return { name: 'Error', message: `a thrown value that is not an Error: ${text(thrown)}` };
  const [name, message] = [text(propertyOf(thrown, 'name')), text(propertyOf(thrown, 'message'))];
  const [code, cause, child] = ['code', 'cause', 'child'].map((key) => propertyOf(thrown, key));
  const ours = isOurs(name, code);
  const problems = ours ? problemsOf(thrown) : [];
  return {
    name,
    message,
    ...(typeof code === 'string' && { code: text(code) }),
    ...(ours && typeof child === 'string' && { child: text(child) }),
    ...(problems.length > 0 && { problems }),
    ...(ours && name === 'ProviderError' && { failure: failureOf(thrown) }),
    ...(cause !== undefined && depth < MAX_CAUSES && { cause: toWireError(cause, depth + 1) }),
  };
};

/** Replaces a malformed wire error, so that the caller gets an error even if the sender is broken. */
const asWire = (came: unknown): WireError => {
  const { name, message, ...rest } = (came ?? {}) as Partial<WireError>;
  const isOne = typeof name === 'string' && typeof message === 'string';
  return isOne ? { ...rest, name, message } : { name: 'Error', message: 'an error that could not be read' };
};

/** Restores an error: one of the package as its class, any other with its name, message and code. */
const revive = (came: WireError, depth = 0): Error => {
  const wire = asWire(came);
  const cause = wire.cause && depth < MAX_CAUSES ? { cause: revive(wire.cause, depth + 1) } : undefined;
  if (!isOurs(wire.name, wire.code)) {
    const error = new Error(wire.message, cause);
    error.name = wire.name;
    return wire.code === undefined ? error : Object.assign(error, { code: wire.code });
  }
  const options = {
    ...cause,
    ...(wire.child !== undefined && { child: wire.child }),
    ...(wire.problems && { problems: wire.problems }),
  };
  if (wire.name === 'ProviderError') return new ProviderError(wire.message, { ...options, ...wire.failure });
  return new TokenvisorError(wire.code as TokenvisorErrorCode, wire.message, options);
};

/**
 * Restores an error that crossed a thread. An error that is not the package's becomes the `cause` of one with the code
 * `fallback`, and keeps its name and code.
 */
export const fromWireError = (wire: WireError, fallback: TokenvisorErrorCode = 'CALL_FAILED'): TokenvisorError => {
  const error = revive(wire);
  return error instanceof TokenvisorError ? error : new TokenvisorError(fallback, error.message, { cause: error });
};
