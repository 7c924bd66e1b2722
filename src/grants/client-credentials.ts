/** The client credentials grant as data. */
import { check, object, type CheckResult } from '../config/check.js';
import { checkClient } from '../oauth/client-options.js';
import {
  allowsInsecureHttp,
  checkEndpoints,
  grantShape,
  type CheckedGrantOptions,
  type GrantOptions,
} from '../oauth/request-options.js';
import type { ProviderSpec } from '../oauth/provider.js';
import { grantModule, grantSpec } from './grant-spec.js';

/**
 * Options of {@link clientCredentials}: the client must authenticate by a `clientSecret`, a `clientAssertion` or a
 * certificate in `tls`.
 */
export type ClientCredentialsOptions = GrantOptions;

export const clientCredentialsModule = grantModule('client-credentials');

/**
 * Tokens by the client credentials grant (RFC 6749 §4.4).
 *
 * @example
 * credential({ provider: clientCredentials({ issuer, clientId: 'reports', clientSecret: env('REPORTS_SECRET') }) });
 */
export const clientCredentials = (options: ClientCredentialsOptions): ProviderSpec<ClientCredentialsOptions> =>
  grantSpec(clientCredentialsModule, options);

/** Checks the options of the client credentials grant. */
export const checkClientCredentials = (options: unknown, path: string): CheckResult<CheckedGrantOptions> =>
  check(
    object(grantShape(allowsInsecureHttp(options)), (value, at, report) => {
      checkEndpoints(value, at, report);
      checkClient(value, at, report, true);
    }),
    options,
    path,
  );
