/** Google's service accounts as data: the JWT bearer grant, with all that it needs in one key file. */
import { object, optional, string } from '../config/check.js';
import { allowsInsecureHttp, strings, tokenRequestShape, type TokenRequestOptions } from '../oauth/request-options.js';
import type { ProviderSpec } from '../oauth/provider.js';
import { secret } from '../secrets/secret-check.js';
import type { SecretReference } from '../secrets/references.js';
import { defineGrant } from './define-grant.js';

/** Options of {@link googleServiceAccount}. */
export interface GoogleServiceAccountOptions extends Pick<
  TokenRequestOptions,
  'tls' | 'allowInsecureHttp' | 'timeoutMs'
> {
  /**
   * The JSON key file as Google issues it. Read at every mint, so a replaced file is used by the next one: it has the
   * key, its id, the account and the token endpoint. A string is its contents; a path is given as `file(path)`.
   */
  readonly keyFile: SecretReference | string;
  /** Scopes, space-separated or a list. */
  readonly scope: string | readonly string[];
  /** The user to act for, by domain-wide delegation. */
  readonly subject?: string;
  /**
   * Another token endpoint than the one in the key file.
   * @default the file's `token_uri`
   */
  readonly tokenEndpoint?: string | URL;
}

/** @internal */
export const googleServiceAccountGrant = defineGrant({
  name: 'google-service-account',
  shape: (options) => {
    const { tokenEndpoint, tls, allowInsecureHttp, timeoutMs } = tokenRequestShape(allowsInsecureHttp(options));
    return object({
      keyFile: secret(),
      scope: strings,
      subject: optional(string()),
      tokenEndpoint,
      tls,
      allowInsecureHttp,
      timeoutMs,
    });
  },
  // An assertion that is not known is an invalid grant (RFC 7523 §3.1).
  proof: { options: ['keyFile'], refusals: ['invalid_grant'] },
});

/**
 * Tokens of a Google service account, from its JSON key file, by the JWT bearer grant (RFC 7523 §2.1).
 *
 * @function
 * @example
 * credential({
 *   provider: googleServiceAccount({
 *     keyFile: file('/run/secrets/reports-service-account.json'),
 *     scope: 'https://www.googleapis.com/auth/devstorage.read_only',
 *   }),
 * });
 */
export const googleServiceAccount: (options: GoogleServiceAccountOptions) => ProviderSpec<GoogleServiceAccountOptions> =
  googleServiceAccountGrant.factory;
