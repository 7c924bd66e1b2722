/** Checks of the values that a kind passes to its context. Each problem has a code and a message. */
import { checkTimer } from '../core/clock.js';
import { checked, custom, number, object, optional, string } from '../config/check.js';
import { describeKind, describeValue, isPlainObject, propertyOf } from '../core/describe.js';
import { TokenvisorError } from '../core/errors.js';
import { LAST_GENERATION } from '../memory/layout.js';
import type { From, PublishOptions } from './behaviour.js';

/** NaN would never be reached: an expired value would be served for ever. */
const instant = custom(
  'ms since the Unix epoch, or Infinity',
  (value): value is number => typeof value === 'number' && !Number.isNaN(value),
);

const publishShape = object({
  issuedAtMs: optional(instant),
  expiresAtMs: optional(instant),
  usableUntilMs: optional(instant),
  generation: optional(number({ integer: true, min: 1, max: LAST_GENERATION })),
});

/** Checks the options of publish(); other properties are ignored. @throws CONFIG_INVALID */
export const checkedPublish = (options: unknown): PublishOptions => {
  if (!isPlainObject(options)) throw invalid('options of publish() to be an object', describeKind(options));
  const named = PUBLISHED.map((key) => [key, readProperty(options, key)] as const);
  return checked(publishShape, Object.fromEntries(named), 'options');
};

const PUBLISHED = ['issuedAtMs', 'expiresAtMs', 'usableUntilMs', 'generation'] as const;

const readProperty = (options: Readonly<Record<string, unknown>>, key: string): unknown => {
  try {
    return options[key];
  } catch {
    throw invalid(`\`options.${key}\` to be an option that can be read`, 'one that throws when read');
  }
};

/** Checks a `from`. @throws CONFIG_INVALID for anything but the one that a handler got. */
export const callerOf = (from: unknown): From => {
  if (typeof propertyOf(from, 'resolve') === 'function' && typeof propertyOf(from, 'reject') === 'function') {
    return from as From;
  }
  throw invalid('`from` to be the one that handleCall got', describeKind(from));
};

/** @throws CONFIG_INVALID */
export const checkDelay = (delayMs: unknown): void => checkTimer(delayMs, checkDelay);

/** @throws CONFIG_INVALID */
export const checkTask = (run: unknown): void => {
  if (typeof run !== 'function') throw invalid('a task to be a function', describeValue(run));
};

const eventType = string({ maxLength: 256 });

/** Checks an event of a kind. @throws CONFIG_INVALID */
export const checkEvent = (type: unknown, details: unknown): void => {
  checked(eventType, type, 'type');
  if (typeof details !== 'object' || details === null) {
    throw invalid('the details of an event to be an object', describeKind(details));
  }
};

/** The error for a value that could not be cloned on its way to another thread. */
export const uncloneable = (what: string, cause: unknown): TokenvisorError =>
  new TokenvisorError('NOT_CLONEABLE', `Expected ${what} to be a value that can be cloned to another thread`, {
    cause,
  });

const invalid = (expected: string, came: string): TokenvisorError =>
  new TokenvisorError('CONFIG_INVALID', `Expected ${expected}, got ${came}`);
