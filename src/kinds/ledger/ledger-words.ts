/** The words of a ledger: a child's own words, by what they mean to its readers and to its actor. */
export const LedgerWord = {
  /** Until which second of the wall clock readers may believe the table: see `memory/valid-until`. */
  VALID_UNTIL: 0,
  /** How many readers were answered 'revoked' because a token could not be read, and because the ledger is closed. */
  MALFORMED: 1,
  CLOSED: 2,
  /** Of what is stored: see LedgerTable. */
  ERA: 3,
  /** Three words: see ExpungeClock. */
  EXPUNGE: 4,
} as const;
