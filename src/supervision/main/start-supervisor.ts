/** Starts a supervisor, after everything has been checked. */
import type { ChildSpec } from '../kind.js';
import { checkConfiguration, type SupervisorOptions } from './options.js';
import { TokenSupervisor } from './supervisor.js';

/**
 * Starts a supervisor and its children, and resolves when every child's `init` is done. It does not wait for tokens:
 * `ready()` does.
 *
 * @param children the results of `credential()` and `actor()`, by name (1 to 100 letters, digits, or `_.:@/-`); started
 *   in this order, stopped in reverse.
 * @throws CONFIG_INVALID with every problem; START_FAILED with the child and the reason, nothing left running.
 * @example
 * const supervisor = await startSupervisor({
 *   github: credential({ provider: clientCredentials({ issuer, clientId, clientSecret: env('GITHUB_SECRET') }) }),
 * });
 * await supervisor.ready();
 * supervisor.children.github.current().authorization;
 */
export const startSupervisor = async <const Specs extends Readonly<Record<string, ChildSpec>>>(
  children: Specs,
  options: SupervisorOptions = {},
): Promise<TokenSupervisor<Specs>> => {
  const checked = checkConfiguration(children, options);
  const supervisor = new TokenSupervisor<Specs>(checked.supervisor);
  await supervisor.start(checked.children);
  return supervisor;
};
