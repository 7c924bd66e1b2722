/** Token exchange as data. */
import { joinPath, object, optional, string, type Check } from '../config/check.js';
import { describeKind } from '../core/describe.js';
import type { ClientOptions } from '../oauth/client-options.js';
import { allowsInsecureHttp, checkGrant, grantShape, type TokenRequestOptions } from '../oauth/request-options.js';
import { isPresented } from './presented-token.js';
import type { ProviderSpec } from '../oauth/provider.js';
import type { SecretReference } from '../secrets/references.js';
import type { TokenReference } from '../secrets/token-reference.js';
import { defineGrant } from './define-grant.js';

/**
 * Options of {@link tokenExchange}. Some servers need no client authentication beside the tokens; for those that do,
 * set {@link ClientOptions}, all of them optional here.
 */
export interface TokenExchangeOptions extends TokenRequestOptions, Partial<ClientOptions> {
  /**
   * The token to exchange: a secret, or another credential's token by `tokenOf()`. The exchange waits for that token,
   * and is repeated when it is refreshed or refused.
   */
  readonly subjectToken: SecretReference | TokenReference | string;
  /**
   * Its type: a URI of RFC 8693 §3.
   * @default 'urn:ietf:params:oauth:token-type:access_token'
   */
  readonly subjectTokenType?: string;
  /** The token of the party that acts for the subject (RFC 8693 §1.1, delegation); given like `subjectToken`. */
  readonly actorToken?: SecretReference | TokenReference | string;
  /**
   * Its type: a URI of RFC 8693 §3.
   * @default with an `actorToken`, 'urn:ietf:params:oauth:token-type:access_token'
   */
  readonly actorTokenType?: string;
  /**
   * The type of the requested token: a URI of RFC 8693 §3.
   * @default the server decides
   */
  readonly requestedTokenType?: string;
}

const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';

const token: Check<SecretReference | TokenReference | string> = (value, path, report) => {
  if (isPresented(value)) return value;
  report(path, 'a token: tokenOf(), env(), file() or a non-empty string', describeKind(value));
  return '';
};

/** @internal */
export const tokenExchangeGrant = defineGrant({
  name: 'token-exchange',
  shape: (options) =>
    object(
      {
        ...grantShape(allowsInsecureHttp(options)),
        clientId: optional(string()),
        subjectToken: token,
        subjectTokenType: optional(string(), ACCESS_TOKEN),
        actorToken: optional(token),
        actorTokenType: optional(string(), ACCESS_TOKEN),
        requestedTokenType: optional(string()),
      },
      (value, at, report) => {
        checkGrant(value, at, report);
        if (value['actorTokenType'] !== undefined && value['actorToken'] === undefined) {
          report(joinPath(at, 'actorTokenType'), 'absent without an `actorToken`', 'a value');
        }
      },
    ),
});

/**
 * Tokens in exchange for other tokens (RFC 8693): to impersonate, to delegate, or to narrow down. What kind of token the
 * server has issued is in `token.fields.issuedTokenType`.
 *
 * @function
 * @example
 * startSupervisor({
 *   user: credential({ provider: refreshToken({ issuer, clientId, refreshToken: env('USER_TOKEN'), store: 'memory' }) }),
 *   orders: credential({
 *     provider: tokenExchange({ issuer, clientId, clientSecret, subjectToken: tokenOf('user'), audience: 'orders' }),
 *   }),
 * });
 */
export const tokenExchange: (options: TokenExchangeOptions) => ProviderSpec<TokenExchangeOptions> =
  tokenExchangeGrant.factory;
