/**
 * The built-in grants, references to secrets, and what a provider of one's own needs.
 *
 * @module
 */
export { ProviderError, type FailureClass, type FailureReason } from '../errors.js';
export type { ClientAssertion, ClientAuthentication, ClientOptions } from './client-options.js';
export type { GrantOptions, TokenRequestOptions } from './grant-options.js';
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
  TokenWait,
  Vault,
} from './provider.js';
export { SecretReference, env, file, literal } from './secrets.js';
export type { SigningAlgorithm, SigningKey } from './signing-key.js';
export { clientCredentials, type ClientCredentialsOptions } from './specs/client-credentials.js';
export { googleServiceAccount, type GoogleServiceAccountOptions } from './specs/google-service-account.js';
export { jwtBearer, type AssertionOptions, type JwtBearerOptions } from './specs/jwt-bearer.js';
export {
  fileStore,
  refreshToken,
  type FileStoreOptions,
  type FileStoreSpec,
  type RefreshTokenOptions,
} from './specs/refresh-token.js';
export { tokenExchange, type TokenExchangeOptions } from './specs/token-exchange.js';
export { TokenReference, tokenOf } from './token-reference.js';
