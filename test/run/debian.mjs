/** Packages of Debian's, which a machine that is new does not have. */
import { spawnSync } from 'node:child_process';

/** A mirror that is slow is not one that hangs. */
const BOUND_MS = 300_000;

/**
 * Installs one, as root, if it is not there.
 *
 * @param {string} name
 * @param {() => boolean} isThere
 * @returns {string | undefined} why it is not there, if it is not
 */
export const installFromDebian = (name, isThere) => {
  if (isThere()) return undefined;
  const how = `as root: apt-get install ${name}`;
  if (process.getuid?.() !== 0) return `Expected ${name}, which only root can install (${how})`;
  process.stderr.write(`setup: installing ${name} (apt-get)\n`);
  for (const args of [['update'], ['install', '--yes', '--no-install-recommends', name]]) {
    const { status, error, stdout, stderr } = spawnSync('apt-get', args, {
      encoding: 'utf8',
      timeout: BOUND_MS,
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    });
    if (error) return `Expected apt-get to install ${name}, got ${error.message} (${how})`;
    if (status !== 0 && args[0] === 'install') return `apt-get could not install ${name}:\n${stdout}${stderr}`;
  }
  return isThere() ? undefined : `apt-get has installed ${name}, and it is not on the path`;
};
