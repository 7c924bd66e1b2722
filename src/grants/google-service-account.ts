/** Google's service accounts as data: the JWT bearer grant, with all its parameters in one key file. */
import { check, object, optional, string, type CheckResult } from '../config/check.js';
import { allowsInsecureHttp, strings, tokenRequestShape, type TokenRequestOptions } from '../oauth/request-options.js';
import type { ProviderSpec } from '../oauth/provider.js';
import { secret } from '../secrets/secret-check.js';
import type { SecretReference } from '../secrets/references.js';
import { grantModule, grantSpec } from './grant-spec.js';

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

export interface CheckedGoogleServiceAccountOptions extends Omit<GoogleServiceAccountOptions, 'tokenEndpoint'> {
  readonly tokenEndpoint?: string;
  readonly timeoutMs: number;
}

export const googleServiceAccountModule = grantModule('google-service-account');

/**
 * Tokens of a Google service account, from its JSON key file, by the JWT bearer grant (RFC 7523 §2.1).
 *
 * @example
 * credential({
 *   provider: googleServiceAccount({
 *     keyFile: file('/run/secrets/reports-service-account.json'),
 *     scope: 'https://www.googleapis.com/auth/devstorage.read_only',
 *   }),
 * });
 */
export const googleServiceAccount = (options: GoogleServiceAccountOptions): ProviderSpec<GoogleServiceAccountOptions> =>
  grantSpec(googleServiceAccountModule, options);

/** Checks the options of a Google service account. */
export const checkGoogleServiceAccount = (
  options: unknown,
  path: string,
): CheckResult<CheckedGoogleServiceAccountOptions> => {
  const { tokenEndpoint, tls, allowInsecureHttp, timeoutMs } = tokenRequestShape(allowsInsecureHttp(options));
  return check(
    object({
      keyFile: secret(),
      scope: strings,
      subject: optional(string()),
      tokenEndpoint,
      tls,
      allowInsecureHttp,
      timeoutMs,
    }),
    options,
    path,
  );
};
