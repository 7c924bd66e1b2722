/**
 * What crosses between threads, and the one form in which an error does.
 */
import { textOf } from './describe.js';
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

/** An error as it crosses threads, and as events tell it: plain data, with no stack and no secret. */
export interface WireError {
  /** The error's name: `TokenvisorError`, or that of any other. */
  readonly name: string;
  /** What it said, at most 1,000 characters. */
  readonly message: string;
  /** Its code, if it has one. */
  readonly code?: string;
  /** The child that it is about. */
  readonly child?: string;
  /** What led to it. */
  readonly cause?: WireError;
  /** Of CONFIG_INVALID: what is wrong, one by one. */
  readonly problems?: readonly ConfigProblem[];
  /** Of a ProviderError: how it is to be treated, and what the server said. */
  readonly failure?: Omit<MintFailure, 'message'>;
}

const MAX_MESSAGE = 1_000;
const MAX_CAUSES = 4;
const MAX_PROBLEMS = 100;

const text = (value: unknown): string => textOf(value).slice(0, MAX_MESSAGE);

/** A property of something that anybody may have made: a getter of it may throw. */
const propertyOf = (thing: object, key: string): unknown => {
  try {
    return (thing as Record<string, unknown>)[key];
  } catch {
    return undefined;
  }
};

const OURS: readonly string[] = ['TokenvisorError', 'ProviderError'];

/** By name, not by class: a module of the user's may have loaded a copy of the package of its own. */
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

/** Any thrown value, as it crosses. Never throws, and what it returns can always cross. */
export const toWireError = (thrown: unknown, depth = 0): WireError => {
  if (!isError(thrown)) return { name: 'Error', message: `a thrown value that is no Error: ${text(thrown)}` };
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

/** What no error of ours looks like when it has crossed: who sent it is broken, and its caller gets an error all the same. */
const asWire = (came: unknown): WireError => {
  const { name, message, ...rest } = (came ?? {}) as Partial<WireError>;
  const isOne = typeof name === 'string' && typeof message === 'string';
  return isOne ? { ...rest, name, message } : { name: 'Error', message: 'an error that could not be read' };
};

/** One of ours as what it was; another with its name, message and code. */
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
 * An error that has crossed, as an Error again. One that was none of ours is the `cause` of one with the code
 * `fallback`, and has kept its name and its own code.
 */
export const fromWireError = (wire: WireError, fallback: TokenvisorErrorCode = 'CALL_FAILED'): TokenvisorError => {
  const error = revive(wire);
  return error instanceof TokenvisorError ? error : new TokenvisorError(fallback, error.message, { cause: error });
};
