/** Checks of the arguments of a ledger's callers. */
import { anyOf, boolean, type Check, custom, list, number, object, optional, string } from '../../config/check.js';
import { TokenvisorError } from '../../core/errors.js';
import { readClaims } from '../../jwt/read-claims.js';
import type { TokenFacts } from './ledger-messages.js';
import { MAX_NAME_LENGTH } from './ledger-names.js';
import { factsOf } from './token-facts.js';

export const name = (): Check<string> => string({ maxLength: MAX_NAME_LENGTH });

const instant = anyOf<number>(
  'an instant in ms since the Unix epoch, or Infinity',
  custom('', (value): value is number => value === Infinity),
  number({ min: 0 }),
);

export const revokeJtiShape = object({ subject: optional(name()), expiresAtMs: optional(instant, Infinity) });
export const purposesShape = object({
  includePurposes: optional(list(name())),
  excludePurposes: optional(list(name())),
});
/** The most records of one `readExpired()`. */
export const MOST_EXPIRED = 100_000;
export const limitShape = object({ limit: optional(number({ min: 1, max: MOST_EXPIRED, integer: true }), 1_000) });
export const verifiedShape = object({ verified: optional(boolean(), false) });

/** A JSON value of at most 64 KiB, in its JSON form. @throws CONFIG_INVALID */
export const jsonOf = (value: unknown, what: string, child: string): unknown => {
  const expected = `Expected \`${what}\` to be a JSON value of at most ${MAX_JSON_BYTES} bytes`;
  let text;
  try {
    text = JSON.stringify(value) as string | undefined;
  } catch (error) {
    throw new TokenvisorError('CONFIG_INVALID', `${expected}, got a value without JSON`, { child, cause: error });
  }
  if (text === undefined) return undefined;
  const bytes = Buffer.byteLength(text);
  if (bytes <= MAX_JSON_BYTES) return JSON.parse(text) as unknown;
  throw new TokenvisorError('CONFIG_INVALID', `${expected}, got ${bytes} bytes`, { child });
};

const MAX_JSON_BYTES = 65_536;

/** Reads the claims of a token that its caller has verified. @throws TOKEN_REFUSED */
export const factsOfToken = (token: unknown, child: string): TokenFacts => {
  const claims = readClaims(token);
  const facts = claims && factsOf(claims);
  if (facts) return facts;
  throw new TokenvisorError(
    'TOKEN_REFUSED',
    `Expected a JWT whose \`jti\`, and \`sub\` if it has one, are of 1 to ${MAX_NAME_LENGTH} characters, got another value`,
    { child },
  );
};
