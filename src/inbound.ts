/**
 * Inbound token state: the tokens that a server has issued, a break-glass token, a revocation ledger. Each is a child for
 * `startSupervisor()`.
 *
 * @module
 */
export { breakGlass, type BreakGlass, type BreakGlassOptions } from './kinds/break-glass/break-glass.js';
export type { BreakGlassClient } from './kinds/break-glass/break-glass-client.js';
export type { BreakGlassReader, BreakGlassStatus, FoundToken } from './kinds/break-glass/break-glass-reader.js';
export type { BreakGlassWriter } from './kinds/break-glass/break-glass-client.js';
export type { BuiltToken } from './kinds/break-glass/break-glass-record.js';
export type { LedgerFailure } from './kinds/ledger/ledger-failure.js';
export type { SubjectRevoked, TokenRecord } from './kinds/ledger/ledger-messages.js';
export {
  revocationLedger,
  type HasCutoffs,
  type RevocationLedger,
  type RevocationLedgerOptions,
} from './kinds/ledger/revocation-ledger.js';
export type {
  ReadExpiredOptions,
  RevocationLedgerClient,
  RevokeAllOptions,
  RevokeJtiOptions,
  RevokeOptions,
  StoreChangesOptions,
  StoreTokenOptions,
  TokenToGet,
} from './kinds/ledger/revocation-ledger-client.js';
export type {
  CutoffClaims,
  LedgerView,
  RevocationLedgerReader,
  RevocationLedgerStatus,
  TransferableLedger,
  TransferableLedgerWriter,
} from './kinds/ledger/revocation-ledger-reader.js';
export type { RevocationLedgerWriter } from './kinds/ledger/revocation-ledger-client.js';
export type { RevokeManyOptions, RevokeManyProgress } from './kinds/ledger/revoke-many.js';
export type { JwtAlgorithm } from './jwt/algorithms.js';
export type { JsonWebKeySet, JwtVerification } from './jwt/jwt-options.js';
export { BulkError } from './kinds/inbound/bulk-error.js';
export type { BulkOptions } from './kinds/token-set/bulk.js';
export { tokenSet, type TokenSet, type TokenSetOptions } from './kinds/token-set/token-set.js';
export type { TokenSetClient } from './kinds/token-set/token-set-client.js';
export type { InsertOptions, TokenSetItem } from './kinds/token-set/token-set-item.js';
export type { TokenSetReader, TokenSetStatus } from './kinds/token-set/token-set-reader.js';
export type { TokenSetWriter } from './kinds/token-set/token-set-client.js';
