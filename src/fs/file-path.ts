/** Paths that are given as a `file:` URL too. */
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isUrl } from '../core/realm.js';
import { TokenvisorError } from '../core/errors.js';

/** The path; what is neither a path nor a URL as it is, for a check to tell of. @throws CONFIG_INVALID for any other URL. */
export const pathOf = (path: string | URL): string => {
  if (!isUrl(path)) return path;
  try {
    return fileURLToPath(path);
  } catch (cause) {
    const message = `Expected a path or a file: URL, got a URL of ${path.protocol} that is no path here`;
    throw new TokenvisorError('CONFIG_INVALID', message, { cause });
  }
};

/** The same, from the working directory of now. */
export const absolute = (path: string | URL): string => {
  const given = pathOf(path);
  return typeof given !== 'string' || given === '' ? given : resolve(given);
};
