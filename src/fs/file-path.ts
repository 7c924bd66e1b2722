/** Paths that may also be given as a `file:` URL. */
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isUrl } from '../core/realm.js';
import { TokenvisorError } from '../core/errors.js';

/**
 * The path of a path or `file:` URL; any other type is returned unchanged, for a later check to report. @throws
 * CONFIG_INVALID for any other URL
 */
export const pathOf = (path: string | URL): string => {
  if (!isUrl(path)) return path;
  try {
    return fileURLToPath(path);
  } catch (cause) {
    const message = `Expected a path or a file: URL, got a ${path.protocol} URL without a local path`;
    throw new TokenvisorError('CONFIG_INVALID', message, { cause });
  }
};

/** As {@link pathOf}, resolved against the current working directory. */
export const absolute = (path: string | URL): string => {
  const given = pathOf(path);
  return typeof given !== 'string' || given === '' ? given : resolve(given);
};
