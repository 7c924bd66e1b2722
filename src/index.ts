/**
 * Supervised credentials and other actors: how to start and read them, and their events.
 *
 * @module
 */
export { actor, type Actor, type ActorClientOptions, type ActorOptions } from './kinds/actor/actor.js';
export type { ActorReader, ActorStatus } from './kinds/actor/reader.js';
export type { ChildStatus, Health } from './supervision/child-status.js';
export type { ActorClient, ActorWriter } from './kinds/actor/client.js';
export type { CallOptions } from './messaging/call-port.js';
export { attach, type AttachReaderOptions, type AttachWriterOptions } from './attach.js';
export type { ModuleReference } from './config/module-reference.js';
export {
  credential,
  type CredentialChange,
  type Credential,
  type CredentialOptions,
  type UpdateOptions,
} from './kinds/credential/credential.js';
export type { WireError } from './core/wire-error.js';
export type { CredentialReader, GetOptions, WaitForTokenOptions } from './kinds/credential/reader.js';
export type { CredentialState, CredentialStatus } from './kinds/credential/status.js';
export { Token } from './oauth/token.js';
export {
  ProviderError,
  TokenvisorError,
  type ConfigProblem,
  type FailureClass,
  type FailureReason,
  type MintFailure,
  type TokenvisorErrorCode,
} from './core/errors.js';
export {
  logEvents,
  type AnyTokenvisorEvent,
  type TokenvisorEventName,
  type TokenvisorEvents,
} from './supervision/main/events.js';
export type { ReaderWords } from './memory/user-words.js';
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
export type { ReadyOptions } from './supervision/main/all-ready.js';
export type { TransferableHandle, TransferableWriter } from './messaging/transferable.js';
export type { ChildOptions, ChildSpec, HandleOf } from './supervision/kind.js';
export type { SupervisorOptions } from './supervision/main/options.js';
export { startSupervisor } from './supervision/main/start-supervisor.js';
export type { HandlesOf, TokenSupervisor } from './supervision/main/supervisor.js';
export type { SupervisorHealth } from './supervision/main/supervisor-health.js';
export type { ChildCounts, ChildSummary } from './supervision/core/supervisor-state.js';
export { expirySeconds } from './table/expiry.js';
export type { TableMemory, TableOptions } from './table/table-memory.js';
export type { TableEntry, TableReader } from './table/table-reader.js';
export type { ChildPhase, ExitReason, OnExit, RestartType, Shutdown } from './supervision/core/types.js';
