/** The identifiers of a token and its subject, `jti` and `sub`, within the limits of every store's keys. */

/** In characters; a store's key is limited to some 2,000 bytes. */
export const MAX_NAME_LENGTH = 512;

export const isName = (value: unknown): value is string =>
  typeof value === 'string' && value !== '' && value.length <= MAX_NAME_LENGTH;
