/** The client credentials grant as data. */
import { object } from '../config/check.js';
import { checkClient } from '../oauth/client-options.js';
import { allowsInsecureHttp, checkEndpoints, grantShape, type GrantOptions } from '../oauth/request-options.js';
import type { ProviderSpec } from '../oauth/provider.js';
import { defineGrant } from './define-grant.js';

/**
 * Options of {@link clientCredentials}: the client must authenticate by a `clientSecret`, a `clientAssertion` or a
 * certificate in `tls`.
 */
export type ClientCredentialsOptions = GrantOptions;

/** @internal */
export const clientCredentialsGrant = defineGrant({
  name: 'client-credentials',
  shape: (options) =>
    object(grantShape(allowsInsecureHttp(options)), (value, at, report) => {
      checkEndpoints(value, at, report);
      checkClient(value, at, report, true);
    }),
});

/**
 * Tokens by the client credentials grant (RFC 6749 §4.4).
 *
 * @function
 * @example
 * credential({ provider: clientCredentials({ issuer, clientId: 'reports', clientSecret: env('REPORTS_SECRET') }) });
 */
export const clientCredentials: (options: ClientCredentialsOptions) => ProviderSpec<ClientCredentialsOptions> =
  clientCredentialsGrant.factory;
