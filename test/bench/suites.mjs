/**
 * The suites, in the order in which all of them are run and shown.
 */
export const SUITES = /** @type {const} */ ([
  'hostile',
  'outage',
  'reads',
  'calls',
  'recovery',
  'threads',
  'table',
  'soak',
]);
