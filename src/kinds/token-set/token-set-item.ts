/** Checks of the items of a token set. No error message quotes a token. */
import { describeKind, describeValue, isPlainObject } from '../../core/describe.js';
import { TokenvisorError } from '../../core/errors.js';
import { isToken } from './token-set-reader.js';

/** The data of a token that is put in. */
export interface InsertOptions {
  /**
   * When it expires: ms since the Unix epoch, rounded down to whole seconds.
   * @default Infinity
   */
  readonly expiresAtMs?: number;
  /**
   * An unsigned 32-bit integer with your meaning: for example an index to the data of the token's owner.
   * @default the previous one, if the token is in the set; else 0
   */
  readonly meta?: number;
}

/** An item of `insertMany`: a token, or a token with the options of `insert`. */
export type TokenSetItem = string | (InsertOptions & { readonly token: string });

interface CheckedEntry {
  readonly token: string;
  readonly expiresAtMs: number;
  readonly meta: number | undefined;
}

const invalid = (child: string, expected: string, came: string): TokenvisorError =>
  new TokenvisorError('CONFIG_INVALID', `Expected ${expected}, got ${came}`, { child });

/** @throws CONFIG_INVALID */
export const checkedToken = (child: string, token: unknown): string => {
  if (isToken(token)) return token;
  throw invalid(child, 'a token to be a string that is not empty', describeKind(token));
};

/** @throws CONFIG_INVALID */
export const checkedEntry = (child: string, item: unknown): CheckedEntry => {
  if (typeof item === 'string') return { token: checkedToken(child, item), expiresAtMs: Infinity, meta: undefined };
  if (!isPlainObject(item)) throw invalid(child, 'a token, or an object with one', describeKind(item));
  const { expiresAtMs = Infinity, meta } = item;
  const token = checkedToken(child, item['token']);
  if (typeof expiresAtMs !== 'number' || expiresAtMs !== expiresAtMs) {
    throw invalid(child, '`expiresAtMs` to be a number, ms since the Unix epoch', describeValue(expiresAtMs));
  }
  if (meta !== undefined && !isUint32(meta)) {
    throw invalid(child, '`meta` to be an integer from 0 to 4294967295', describeValue(meta));
  }
  return { token, expiresAtMs, meta };
};

const isUint32 = (value: unknown): value is number => Number.isInteger(value) && (value as number) >>> 0 === value;
