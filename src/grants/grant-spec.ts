/** Common parts of the built-in grants' specs. */
import { ownModule } from '../core/package-files.js';
import type { ProviderSpec } from '../oauth/provider.js';
import { wrapped } from '../secrets/hide-secrets.js';

/** The module name of a grant, which the actor loads. */
export const grantModule = (grant: string): string => ownModule(`grants/${grant}-provider.js`);

/** A spec from a user's options for a grant. */
export const grantSpec = <Options>(module: string, options: Options, fenceable = true): ProviderSpec<Options> => ({
  module,
  export: 'provider',
  options: wrapped(options),
  fenceable,
});
