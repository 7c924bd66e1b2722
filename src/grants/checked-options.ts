/** Checks the options of a grant again in the actor: a spec may have been written by hand. */
import { configError, type CheckResult } from '../config/check.js';
import type { ProviderContext } from '../oauth/provider.js';

/** @throws CONFIG_INVALID with every problem */
export const checkedOptions = <Checked>(
  { name, options }: Pick<ProviderContext, 'name' | 'options'>,
  checkOptions: (options: unknown, path: string) => CheckResult<Checked>,
): Checked => {
  const { value, problems } = checkOptions(options, 'options');
  if (problems.length > 0) throw configError(problems, name);
  return value;
};
