/** What the built-in grants' specs have in common. */
import { packageModule } from '../core/package-files.js';
import type { ProviderSpec } from '../oauth/provider.js';
import { hideSecrets } from '../secrets/hide-secrets.js';

/** The name of a grant's code, which the actor loads. */
export const grantModule = (grant: string): string => packageModule(`grants/${grant}-provider.js`);

/** A spec from a user's options for a grant. */
export const grantSpec = <Options>(module: string, options: Options, fenceable = true): ProviderSpec<Options> => ({
  module,
  export: 'provider',
  options: hideSecrets(options),
  fenceable,
});
