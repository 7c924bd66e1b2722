/**
 * Supervised credentials, and whatever else an actor can keep: what starts them, what reads them, and what they tell.
 *
 * @module
 */
export { actor, type ActorHandle, type ActorOptions } from './actor/actor.js';
export type { ActorReader, ActorStatus, ChildStatus, Health } from './actor/actor-reader.js';
export type { ActorWriter } from './actor/actor-writer.js';
export type { CallOptions } from './actor/call-port.js';
export { attach } from './attach.js';
export type { ModuleReference } from './config/module-reference.js';
export {
  credential,
  type CredentialChange,
  type CredentialHandle,
  type CredentialOptions,
  type RotateOptions,
} from './credential/credential.js';
export type { WireError } from './actor/wire.js';
export type { CredentialReader, GetOptions, WaitForTokenOptions } from './credential/reader.js';
export type { CredentialState, CredentialStatus } from './credential/status.js';
export { Token } from './credential/token.js';
export {
  ProviderError,
  TokenvisorError,
  type ConfigProblem,
  type FailureClass,
  type FailureReason,
  type MintFailure,
  type TokenvisorErrorCode,
} from './errors.js';
export { logEvents, type AnyTokenvisorEvent, type TokenvisorEventName, type TokenvisorEvents } from './events.js';
export type { ReaderWords } from './memory/own-words.js';
export { breakGlass, type BreakGlassHandle, type BreakGlassOptions } from './inbound/break-glass/break-glass.js';
export type { BreakGlassCaller } from './inbound/break-glass/break-glass-caller.js';
export type { BreakGlassReader, BreakGlassStatus, FoundToken } from './inbound/break-glass/break-glass-reader.js';
export type { BreakGlassWriter } from './inbound/break-glass/break-glass-writer.js';
export type { BuiltToken } from './inbound/break-glass/glass-record.js';
export type { LedgerFailure } from './inbound/ledger/ledger-failure.js';
export type { SubjectRevoked, TokenRecord } from './inbound/ledger/ledger-messages.js';
export {
  revocationLedger,
  type HasCutoffs,
  type RevocationLedgerHandle,
  type RevocationLedgerOptions,
} from './inbound/ledger/revocation-ledger.js';
export type {
  ReadExpiredOptions,
  RevocationLedgerCaller,
  RevokeAllOptions,
  RevokeJtiOptions,
  RevokeOptions,
  StoreChangesOptions,
  StoreTokenOptions,
  TokenToGet,
} from './inbound/ledger/revocation-ledger-caller.js';
export type {
  CutoffClaims,
  LedgerView,
  RevocationLedgerReader,
  RevocationLedgerStatus,
  TransferableLedger,
  TransferableLedgerWriter,
} from './inbound/ledger/revocation-ledger-reader.js';
export type { RevocationLedgerWriter } from './inbound/ledger/revocation-ledger-writer.js';
export type { RevokeManyOptions, RevokeManyProgress } from './inbound/ledger/revoke-many.js';
export type { JwtAlgorithm } from './inbound/jwt/algorithms.js';
export type { JsonWebKeySet, JwtVerification } from './inbound/jwt/jwt-options.js';
export { BulkError } from './inbound/bulk-error.js';
export type { BulkOptions } from './inbound/token-set/bulk.js';
export { tokenSet, type TokenSetHandle, type TokenSetOptions } from './inbound/token-set/token-set.js';
export type { TokenSetCaller } from './inbound/token-set/token-set-caller.js';
export type { InsertOptions, TokenSetItem } from './inbound/token-set/token-set-item.js';
export type { TokenSetReader, TokenSetStatus } from './inbound/token-set/token-set-reader.js';
export type { TokenSetWriter } from './inbound/token-set/token-set-writer.js';
export type { ReadyOptions } from './supervision/all-ready.js';
export type { TransferableHandle, TransferableWriter } from './supervision/actor-door.js';
export type { ChildOptions, ChildSpec, HandleOf } from './supervision/child-spec.js';
export type { SupervisorOptions } from './supervision/options.js';
export { startSupervisor } from './supervision/start-supervisor.js';
export type { HandlesOf, TokenSupervisor } from './supervision/supervisor.js';
export type { SupervisorHealth } from './supervision/supervisor-health.js';
export type { ChildCounts, ChildSummary } from './supervision/supervisor-state.js';
export { expirySeconds } from './table/expiry.js';
export type { TableMemory, TableOptions } from './table/table-memory.js';
export type { TableEntry, TableReader } from './table/table-reader.js';
export type { ChildPhase, ExitReason, OnExit, RestartType, Shutdown } from './supervision/types.js';
