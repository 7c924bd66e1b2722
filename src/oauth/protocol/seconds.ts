/** A number of seconds in an answer. */

/** A number as JSON writes it (RFC 8259 §6), also with a sign before it, zeros before it, or white space around it. */
const NUMERIC = /^\s*[+-]?\d+(\.\d+)?(e[+-]?\d+)?\s*$/i;

/** `expires_in` and what is like it (RFC 6749 §5.1): a number, or a string that has one, as many servers send it. Else NaN. */
export const readSeconds = (value: unknown): number => {
  if (typeof value === 'number') return value;
  return typeof value === 'string' && NUMERIC.test(value) ? Number(value) : NaN;
};
