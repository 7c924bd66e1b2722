/** What names a token, and whose it is: `jti` and `sub`, as a key of every store can be. */

/** In characters; a store's key may not be longer than some 2,000 bytes. */
export const MAX_NAME_LENGTH = 512;

export const isName = (value: unknown): value is string =>
  typeof value === 'string' && value !== '' && value.length <= MAX_NAME_LENGTH;
