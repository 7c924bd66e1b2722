/** `tokenvisor/providers`: the built-in grants, references to secrets, and what a provider of one's own needs. */
export { ProviderError, type FailureClass, type FailureReason } from '../errors.js';
export type { ClientAuthentication, GrantOptions } from './grant-options.js';
export {
  clientCredentials,
  fileStore,
  refreshToken,
  type ClientCredentialsOptions,
  type FileStoreSpec,
  type RefreshTokenOptions,
} from './grant-specs.js';
export type {
  HttpAnswer,
  HttpRequest,
  Json,
  MintAttempt,
  MintedToken,
  Provider,
  ProviderContext,
  ProviderFunction,
  ProviderFunctionContext,
  ProviderObject,
  ProviderSession,
  ProviderSpec,
  TlsOptions,
  Vault,
} from './provider.js';
export { SecretReference, env, file, literal } from './secrets.js';
