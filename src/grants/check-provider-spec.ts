/** Finds the built-in grant of a spec, and checks its options. */
import type { CheckResult } from '../config/check.js';
import type { ProviderSpec } from '../oauth/provider.js';
import { checkClientCredentials, clientCredentialsModule } from './client-credentials.js';
import { checkGoogleServiceAccount, googleServiceAccountModule } from './google-service-account.js';
import { checkJwtBearer, jwtBearerModule } from './jwt-bearer.js';
import { checkRefreshToken, refreshTokenModule } from './refresh-token.js';
import { checkTokenExchange, tokenExchangeModule } from './token-exchange.js';

type CheckOptions = (options: unknown, path: string) => CheckResult<unknown>;

const CHECKS: ReadonlyMap<string, CheckOptions> = new Map<string, CheckOptions>([
  [clientCredentialsModule, checkClientCredentials],
  [googleServiceAccountModule, checkGoogleServiceAccount],
  [jwtBearerModule, checkJwtBearer],
  [refreshTokenModule, checkRefreshToken],
  [tokenExchangeModule, checkTokenExchange],
]);

/**
 * The problems of a spec's options, for the starting thread; none for custom providers, which check their options when
 * they are opened.
 */
export const checkProviderSpec = ({ module, options }: ProviderSpec, path: string): CheckResult<unknown> =>
  CHECKS.get(module)?.(options, path) ?? { value: options, problems: [] };
