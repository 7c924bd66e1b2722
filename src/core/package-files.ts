/**
 * Where our own files are. A bundler may have put the code that asks into a file of its own, so nothing is looked up when
 * a module is loaded, and what is not there is told with what to do.
 */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { TokenvisorError } from './errors.js';

/** What does not keep a bundle from being loaded: in one of CommonJS, nothing is left of `import.meta`. */
const here = (import.meta as { readonly url?: string }).url;

const OWN = 'tokenvisor:';

const ADVICE =
  "If a bundler has packed tokenvisor, mark 'tokenvisor' as external in it, because a thread needs files (esbuild: " +
  "external: ['tokenvisor']; webpack: externals: [/^tokenvisor(\\/|$)/]; Vite: ssr.external: ['tokenvisor']; Next.js: " +
  "serverExternalPackages: ['tokenvisor']). Or pass `workerUrl`";

const fileMissing = (expected: string): TokenvisorError =>
  new TokenvisorError('FILE_MISSING', `Expected ${expected}. ${ADVICE}`);

/** What the supervisor thread loads, unless `workerUrl` says so. @throws FILE_MISSING where there is no telling. */
export const supervisorEntry = (base = here): URL => {
  // Not written as bundlers look for it: one would copy this file alone, and give it another name.
  const path = '../runtime/supervisor-entry.cjs';
  if (base?.startsWith('file:')) return new URL(path, base);
  throw fileMissing(`import.meta.url to be where tokenvisor's files are, got ${base ?? 'nothing'}`);
};

/** The path of a file that is there. @throws FILE_MISSING */
export const presentFile = (url: URL): string => {
  const path = fileURLToPath(url);
  // Under the permission model, what may not be read is as good as not there.
  const permission = process.permission as typeof process.permission | undefined;
  if (permission && !permission.has('fs.read', path)) {
    throw new TokenvisorError(
      'FILE_MISSING',
      `Expected to be allowed to read ${path}. Start Node with --allow-fs-read`,
    );
  }
  if (!existsSync(path)) throw fileMissing(`${path} to be there`);
  return path;
};

/**
 * The name of a module of ours that an actor loads, by its path from here: it holds wherever the code is that says it.
 */
export const packageModule = (path: string): string => `${OWN}${path}`;

/** True for what {@link packageModule} named. */
export const isOwnModule = (url: string): boolean => url.startsWith(OWN);

/** The `file:` URL of what {@link packageModule} named, for a caller in a folder beside this file; any other as it is. */
export const resolveModule = (url: string, base: string): string =>
  isOwnModule(url) ? new URL(`../${url.slice(OWN.length)}`, base).href : url;

/** A file of the package by its path in it, for a caller that is this file, or a bundle in a folder beside this one's. */
export const ownFile = (path: string, base = here): URL => {
  if (base?.startsWith('file:')) return new URL(`../${path}`, base);
  throw fileMissing(`import.meta.url to be where tokenvisor's files are, got ${base ?? 'nothing'}`);
};
