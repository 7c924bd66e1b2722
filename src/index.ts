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
export { logEvents } from './supervision/main/events.js';
export type { AnyTokenvisorEvent, TokenvisorEventName, TokenvisorEvents } from './supervision/core/event-map.js';
export type { ReaderWords } from './memory/user-words.js';
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
export type { ExitReason, RestartType, Shutdown } from './supervision/core/terms.js';
export type { ChildPhase, OnExit } from './supervision/core/types.js';
