/**
 * Checks of options: small functions that combine into the shape of an options object. A check never throws; it
 * collects every problem with its path, so that one error lists them all.
 *
 * @example
 * const policy = object({ leadMs: optional(number({ min: 0 })), eager: optional(boolean(), true) });
 * const { value, problems } = check(policy, input, 'github');
 * if (problems.length > 0) throw configError(problems);
 */
import { TokenvisorError, type ConfigProblem } from '../core/errors.js';
import { describeKind, describeValue, isPlainObject, itemsOf } from '../core/describe.js';
import { nearestName } from './nearest-name.js';

/** Called by a check for each problem. */
export type Report = (path: string, expected: string, came: string) => void;

/**
 * Checks `value`, reports problems, and returns it typed (and with defaults). The result is valid only if there were no
 * problems.
 */
export type Check<T> = (value: unknown, path: string, report: Report) => T;

/** A check for a key that may be absent; without a default, the key is then absent from the result. */
export interface OptionalCheck<T> extends Check<T> {
  readonly optional: true;
}

/** The type that a check produces. */
export type Checked<C> = C extends Check<infer T> ? T : never;

type Shape = Readonly<Record<string, Check<unknown>>>;
type OptionalKeys<S extends Shape> = {
  [K in keyof S]: S[K] extends OptionalCheck<infer T> ? (undefined extends T ? K : never) : never;
}[keyof S];

/** The object that a shape describes. */
export type CheckedObject<S extends Shape> = {
  readonly [K in Exclude<keyof S, OptionalKeys<S>>]: Checked<S[K]>;
} & { readonly [K in OptionalKeys<S>]?: Exclude<Checked<S[K]>, undefined> };

/** The outcome of {@link check}: `value` is valid only if there are no problems. */
export interface CheckResult<T> {
  readonly value: T;
  readonly problems: readonly ConfigProblem[];
}

/** Runs a check over `input`. `path` is the prefix of each problem's path. */
export const check = <T>(shape: Check<T>, input: unknown, path = ''): CheckResult<T> => {
  const problems: ConfigProblem[] = [];
  const value = shape(input, path, (at, expected, came) => problems.push({ path: at, expected, came }));
  return { value, problems };
};

/** Returns the checked value. @throws CONFIG_INVALID with all problems */
export const checked = <T>(shape: Check<T>, input: unknown, path: string, child?: string): T => {
  const { value, problems } = check(shape, input, path);
  if (problems.length > 0) throw configError(problems, child);
  return value;
};

/** A longer key is hardly a name, and may be a misplaced value. */
const MAX_KEY = 64;

/** `github` and `clientId` to `github.clientId`; `list` and 2 to `list[2]`. */
export const joinPath = (path: string, key: string | number): string => {
  if (typeof key === 'number') return `${path}[${key}]`;
  const short = key.length > MAX_KEY ? `${key.slice(0, MAX_KEY)}…` : key;
  const segment = /^[\w$-]+$/.test(short) ? short : JSON.stringify(short);
  return path === '' ? segment : `${path}.${segment}`;
};

/** "Expected `leadMs` to be a number >= 0, got '5m' (string)". */
export const problemText = ({ path, expected, came }: ConfigProblem): string =>
  `Expected ${path === '' ? 'the options' : `\`${path}\``} to be ${expected}, got ${came}`;

/** One `CONFIG_INVALID` error that lists all problems. */
export const configError = (problems: readonly ConfigProblem[], child?: string): TokenvisorError => {
  const texts = problems.map(problemText);
  const message = texts.length === 1 ? texts[0]! : [`${texts.length} options are not usable:`, ...texts].join('\n  ');
  return new TokenvisorError('CONFIG_INVALID', message, { problems, ...(child === undefined ? {} : { child }) });
};

/** Accepts a value if `accepts` does; `expected` completes "Expected `x` to be ...". */
export const custom =
  <T>(
    expected: string,
    accepts: (value: unknown) => value is T,
    describe: (value: unknown) => string = describeValue,
  ): Check<T> =>
  (value, path, report) => {
    if (!accepts(value)) report(path, expected, describe(value));
    return value as T;
  };

/** Accepts any value. */
export const anything: Check<unknown> = (value) => value;

export interface StringRules {
  /** Default 1: an empty string is most often a variable that was not set. */
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly pattern?: RegExp;
  /** Replaces `a non-empty string` in the message; needed with `pattern`. */
  readonly expected?: string;
}

/** A string, not empty by default. */
export const string = (rules: StringRules = {}): Check<string> => {
  const { minLength = 1, maxLength = Infinity, pattern } = rules;
  const bound = maxLength === Infinity ? '' : ` of at most ${maxLength} characters`;
  const expected = rules.expected ?? `${minLength > 0 ? 'a non-empty string' : 'a string'}${bound}`;
  return custom(
    expected,
    (value): value is string =>
      typeof value === 'string' &&
      value.length >= minLength &&
      value.length <= maxLength &&
      (pattern === undefined || pattern.test(value)),
  );
};

export interface NumberRules {
  readonly min?: number;
  readonly max?: number;
  readonly integer?: boolean;
}

/** A number: finite, within its bounds (both inclusive). */
export const number = (rules: NumberRules = {}): Check<number> => {
  const { min = -Infinity, max = Infinity, integer = false } = rules;
  const bounds = [min === -Infinity ? '' : `>= ${min}`, max === Infinity ? '' : `<= ${max}`].filter(
    (part) => part !== '',
  );
  const expected = [integer ? 'a whole number' : 'a number', bounds.join(' and ')]
    .filter((part) => part !== '')
    .join(' ');
  return custom(
    expected,
    (value): value is number =>
      typeof value === 'number' &&
      Number.isFinite(value) &&
      value >= min &&
      value <= max &&
      (!integer || Number.isInteger(value)),
  );
};

/** `true` or `false`. */
export const boolean = (): Check<boolean> =>
  custom('true or false', (value): value is boolean => typeof value === 'boolean');

/** One of the literals given. */
export const oneOf = <const T extends string | number | boolean>(...choices: readonly T[]): Check<T> => {
  const listed = choices.map((choice) => (typeof choice === 'string' ? `'${choice}'` : String(choice)));
  const expected = listed.length === 1 ? listed[0]! : `${listed.slice(0, -1).join(', ')} or ${listed.at(-1)!}`;
  return custom(expected, (value): value is T => choices.includes(value as T));
};

/** Uses the first check that finds no problem; if every check finds one, reports `expected`. */
export const anyOf =
  <T>(expected: string, ...checks: readonly Check<T>[]): Check<T> =>
  (value, path, report) => {
    for (const candidate of checks) {
      const result = check(candidate, value, path);
      if (result.problems.length === 0) return result.value;
    }
    report(path, expected, describeValue(value));
    return value as T;
  };

/** A list whose members pass `member`. */
export const list = <T>(
  member: Check<T>,
  rules: { readonly min?: number; readonly max?: number } = {},
): Check<readonly T[]> => {
  const { min = 0, max = Infinity } = rules;
  const bounds = [min > 0 ? `at least ${min}` : '', max < Infinity ? `at most ${max}` : ''].filter(
    (part) => part !== '',
  );
  const expected = bounds.length > 0 ? `a list of ${bounds.join(' and ')}` : 'a list';
  return (value, path, report) => {
    const items = itemsOf(value);
    if (!items || items.length < min || items.length > max) {
      report(path, expected, describeValue(value));
      return [];
    }
    return items.map((item, index) => member(item, joinPath(path, index), report));
  };
};

/**
 * Reads each property of an object once, so that a getter can't return one value to the check and another later. A
 * getter that throws is a problem, and so is a proxy that can't be read.
 */
export const readAll = (value: object, path: string, report: Report): Readonly<Record<string, unknown>> => {
  // With no prototype, so that `__proto__` is a key like any other.
  const given = Object.create(null) as Record<string, unknown>;
  try {
    for (const key of Object.keys(value)) {
      try {
        given[key] = (value as Readonly<Record<string, unknown>>)[key];
      } catch {
        report(joinPath(path, key), 'an option that can be read', 'one that throws when read');
      }
    }
  } catch {
    report(path, 'an object', "an object that can't be read");
  }
  return given;
};

/**
 * A copy of an options object, read once; any keys are allowed. @throws CONFIG_INVALID for anything but a plain object
 * that can be read
 */
export const optionsOf = <T extends object>(value: T, what: string, child?: string): T =>
  checked<Readonly<Record<string, unknown>>>(
    (given, path, report) => {
      if (isPlainObject(given)) return readAll(given, path, report);
      report(path, 'an object', describeKind(given));
      return {};
    },
    value,
    what,
    child,
  ) as T;

/** A plain object with any keys, whose values pass `member`. */
export const record =
  <T>(member: Check<T>): Check<Readonly<Record<string, T>>> =>
  (value, path, report) => {
    if (!isPlainObject(value)) {
      report(path, 'an object', describeValue(value));
      return {};
    }
    return Object.fromEntries(
      Object.entries(readAll(value, path, report)).map(([key, item]) => [
        key,
        member(item, joinPath(path, key), report),
      ]),
    );
  };

/** A key that may be absent (or `undefined`): it then takes the default, or stays absent. */
export function optional<T>(inner: Check<T>): OptionalCheck<T | undefined>;
export function optional<T>(inner: Check<T>, byDefault: T): OptionalCheck<T>;
export function optional<T>(inner: Check<T>, byDefault?: T): OptionalCheck<T | undefined> {
  const whole: Check<T | undefined> = (value, path, report) =>
    value === undefined ? byDefault : inner(value, path, report);
  return Object.assign(whole, { optional: true as const });
}

/** More unknown keys are not misspellings but a wrong object. */
const MOST_UNKNOWN = 50;

/**
 * A plain object of exactly this shape. An unknown key is a problem that names the nearest known key; its value is not
 * shown, because it may be a secret under a misspelt name.
 *
 * `also` checks several keys together; it gets the raw object.
 */
export const object = <S extends Shape>(
  shape: S,
  also?: (value: Readonly<Record<string, unknown>>, path: string, report: Report) => void,
): Check<CheckedObject<S>> => {
  const known = Object.keys(shape);
  return (value, path, report) => {
    if (!isPlainObject(value)) {
      report(path, 'an object', describeValue(value));
      return {} as CheckedObject<S>;
    }
    const given = readAll(value, path, report);
    const unknown = Object.keys(given).filter((key) => !Object.hasOwn(shape, key));
    if (unknown.length > MOST_UNKNOWN) {
      report(path, 'an object of known options', `one with ${unknown.length} unknown ones`);
      unknown.length = 0;
    }
    for (const key of unknown) {
      const near = nearestName(key, known);
      const hint =
        near === undefined ? `one of ${known.map((name) => `\`${name}\``).join(', ')}` : `did you mean \`${near}\`?`;
      report(joinPath(path, key), `a known option (${hint})`, 'an unknown one');
    }
    const result: Record<string, unknown> = {};
    for (const [key, member] of Object.entries(shape)) {
      const outcome = member(given[key], joinPath(path, key), report);
      if (outcome !== undefined) result[key] = outcome;
    }
    also?.(given, path, report);
    return result as CheckedObject<S>;
  };
};
