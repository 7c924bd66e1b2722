/** Checks of wait options: the `timeoutMs` and `signal` that callers pass. */
import { TokenvisorError } from '../core/errors.js';
import { isAbortSignal } from '../core/realm.js';
import { custom, number, optional } from './check.js';
import { describeValue } from '../core/describe.js';

/** The longest delay of a Node timer: ms. */
export const MAX_TIMEOUT_MS = 2 ** 31 - 1;

/** The wait options as part of a shape: spread it into the whole shape. */
export const waitShape = {
  timeoutMs: optional(number({ min: 0, max: MAX_TIMEOUT_MS })),
  signal: optional(custom('an AbortSignal', isAbortSignal)),
};

/** Throws CONFIG_INVALID for what is no number of milliseconds from 0 to {@link MAX_TIMEOUT_MS}. */
const checkTimeout = (timeoutMs: unknown): void => {
  if (typeof timeoutMs === 'number' && timeoutMs >= 0 && timeoutMs <= MAX_TIMEOUT_MS) return;
  throw new TokenvisorError(
    'CONFIG_INVALID',
    `Expected \`timeoutMs\` to be a number from 0 to ${MAX_TIMEOUT_MS}, got ${describeValue(timeoutMs)}`,
  );
};

/** Throws CONFIG_INVALID unless it is an object whose `timeoutMs` and `signal` are valid or absent. */
export const checkWaitOptions = (options: unknown): void => {
  if (typeof options !== 'object' || options === null) {
    throw new TokenvisorError('CONFIG_INVALID', `Expected options in an object, got ${describeValue(options)}`);
  }
  const [timeoutMs, signal] = readWait(options);
  if (timeoutMs !== undefined) checkTimeout(timeoutMs);
  checkSignal(signal);
};

/** @throws CONFIG_INVALID unless it is an AbortSignal or absent */
export const checkSignal = (signal: unknown): void => {
  if (signal === undefined || signal === null || isAbortSignal(signal)) return;
  throw new TokenvisorError('CONFIG_INVALID', `Expected \`signal\` to be an AbortSignal, got ${describeValue(signal)}`);
};

/** @throws CONFIG_INVALID if one of them can't be read */
const readWait = (options: object): readonly [timeoutMs: unknown, signal: unknown] => {
  try {
    const { timeoutMs, signal } = options as { readonly timeoutMs?: unknown; readonly signal?: unknown };
    return [timeoutMs, signal];
  } catch (cause) {
    throw new TokenvisorError(
      'CONFIG_INVALID',
      'Expected options that can be read, got an object that throws when read',
      {
        cause,
      },
    );
  }
};
