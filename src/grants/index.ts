/**
 * The built-in grants, references to secrets, and the types for a custom provider.
 *
 * @module
 */
export { ProviderError, type FailureClass, type FailureReason } from '../core/errors.js';
export type { ClientAssertion, ClientAuthentication, ClientOptions } from '../oauth/client-options.js';
export type { GrantOptions, TokenRequestOptions } from '../oauth/request-options.js';
export type {
  MintAttempt,
  MintedToken,
  Provider,
  ProviderContext,
  ProviderFunction,
  ProviderFunctionContext,
  ProviderObject,
  ProviderSession,
  ProviderSpec,
  TokenWait,
  Vault,
} from '../oauth/provider.js';
export type { HttpAnswer, HttpRequest, TlsOptions } from '../net/http-types.js';
export type { Json } from '../core/json.js';
export { SecretReference, env, file, literal } from '../secrets/references.js';
export type { SigningAlgorithm, SigningKey } from '../oauth/signing-key.js';
export { clientCredentials, type ClientCredentialsOptions } from './client-credentials.js';
export { googleServiceAccount, type GoogleServiceAccountOptions } from './google-service-account.js';
export { jwtBearer, type AssertionOptions, type JwtBearerOptions } from './jwt-bearer.js';
export {
  fileStore,
  refreshToken,
  type FileStoreOptions,
  type FileStoreSpec,
  type RefreshTokenOptions,
} from './refresh-token.js';
export { tokenExchange, type TokenExchangeOptions } from './token-exchange.js';
export { TokenReference, tokenOf } from '../secrets/token-reference.js';
