/** What the built-in grants' specs have in common. */
import { ownModule } from '../../own-files.js';
import type { ProviderSpec } from '../provider.js';
import { wrapped } from './wrapped.js';

/** The name of a grant's code, which the actor loads. */
export const grantModule = (grant: string): string => ownModule(`providers/grants/${grant}.js`);

/** A user's options for a grant, as a spec. */
export const grantSpec = <Options>(module: string, options: Options, fenceable = true): ProviderSpec<Options> => ({
  module,
  export: 'provider',
  options: wrapped(options),
  fenceable,
});
