/** Whether the options of a spec are usable. */
import type { CheckResult } from '../config/check.js';
import type { ProviderSpec } from '../oauth/provider.js';
import { builtInGrant } from './built-in-grants.js';

/**
 * The problems of a spec's options, for the starting thread; none for custom providers, which check their options when
 * they are opened.
 */
export const checkProviderSpec = ({ module, options }: ProviderSpec, path: string): CheckResult<unknown> =>
  builtInGrant(module)?.check(options, path) ?? { value: options, problems: [] };
