/** The child's words as a ledger uses them, by their meaning. */
export const LedgerWord = {
  /** The second of the wall clock until which readers may trust the table: see `memory/valid-until`. */
  VALID_UNTIL: 0,
  /** How many lookups were answered 'revoked' because a token was malformed, and because the ledger was closed. */
  MALFORMED: 1,
  CLOSED: 2,
  /** The era of stored tokens: see LedgerTable. */
  ERA: 3,
  /** Three words: see ExpungeClock. */
  EXPUNGE: 4,
} as const;
