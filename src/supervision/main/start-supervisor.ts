/** The start: everything is checked before anything runs. */
import type { ChildSpec } from '../kind.js';
import { checkConfiguration, type SupervisorOptions } from './options.js';
import { TokenSupervisor } from './supervisor.js';

/**
 * Starts a supervisor and its children, and resolves when every child's `init` is done. It does not wait for tokens:
 * `ready()` does.
 *
 * @param children what `credential()` and `actor()` return, by name (1 to 100 letters, digits, or `_.:@/-`); started in
 *   this order, stopped in reverse.
 * @throws CONFIG_INVALID with every problem in it; START_FAILED with the child and the reason, nothing left running.
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
