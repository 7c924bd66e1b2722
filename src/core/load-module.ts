/**
 * Loads a user's module into an actor, by require: it needs no thread of libuv's pool and so works while the pool is
 * full.
 */
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { types } from 'node:util';
import { TokenvisorError } from './errors.js';
import { resolveModule } from './package-files.js';
import { toWireError } from './wire-error.js';

const require = createRequire(import.meta.url);

const HINTS: Readonly<Record<string, string>> = {
  ERR_REQUIRE_ASYNC_MODULE: 'The file, or one that it imports, has a top-level await: do that work in a function',
  ERR_UNKNOWN_FILE_EXTENSION: 'Node does not run this kind of file: build it first, or pass a loader by `execArgv`',
  MODULE_NOT_FOUND: 'Build it first, and give the URL by new URL(…, import.meta.url)',
  ERR_MODULE_NOT_FOUND: 'Build it first, and give the URL by new URL(…, import.meta.url)',
};

type Exports = Readonly<Record<string, unknown>>;

const hint = (error: unknown, url: string): string => {
  const { name, message, code } = toWireError(error);
  const isTypeScript = /\.[cm]?tsx?$/.test(url);
  const known = HINTS[isTypeScript && name === 'SyntaxError' ? 'ERR_UNKNOWN_FILE_EXTENSION' : (code ?? '')];
  // Node's advice on a top-level await does not apply: the user can't choose how the file is loaded.
  if (code === 'ERR_REQUIRE_ASYNC_MODULE') return HINTS[code] ?? '';
  const said = `${name}: ${message.split('\n')[0] ?? ''}`;
  // A missing package has nothing to do with a build.
  const isPackage = message.startsWith('Cannot find package');
  return known === undefined || isPackage ? said : `${said.replace(/\.+$/, '')}. ${known}`;
};

/**
 * The package's own modules in the entry's bundle: loading them from there takes a third of the time that files would.
 */
const bundled = new Map<string, () => unknown>();

/** Called by the entry, with URLs relative to it. */
export const registerBundled = (modules: Readonly<Record<string, () => unknown>>): void => {
  for (const [path, load] of Object.entries(modules)) bundled.set(new URL(path, import.meta.url).href, load);
};

/** Families of modules, whose URLs differ in one part. */
const families: { readonly head: string; readonly tail: string; readonly load: (part: string) => unknown }[] = [];

/** The same for all modules of a pattern with one `*`; `load` is given what stands in its place. */
export const registerBundledFamily = (pattern: string, load: (part: string) => unknown): void => {
  const [head = '', tail = ''] = new URL(pattern, import.meta.url).href.split('*');
  families.push({ head, tail, load });
};

const bundledLoad = (url: string): (() => unknown) | undefined => {
  for (const { head, tail, load } of bundled.has(url) ? [] : families) {
    const part = url.slice(head.length, -tail.length);
    if (url === `${head}${part}${tail}` && part !== '') return () => load(part);
  }
  return bundled.get(url);
};

/** Makes a module of what is in this thread already, under a URL of its own; returns what takes it back. */
export const provideModule = (url: string, module: Exports): (() => void) => {
  bundled.set(url, () => module);
  return () => void bundled.delete(url);
};

/** Loads a module and returns one export. Throws START_FAILED with what to do. */
export const loadExport = (moduleUrl: string, exportName: string): unknown => {
  let loaded: unknown;
  try {
    const url = resolveModule(moduleUrl, import.meta.url);
    const load = bundledLoad(url);
    loaded = load ? load() : require(fileURLToPath(url));
  } catch (error) {
    throw new TokenvisorError('START_FAILED', `Can't load ${moduleUrl}: ${hint(error, moduleUrl)}`, { cause: error });
  }
  // A CommonJS module may export anything: it is its own default export.
  const exported = typeof loaded === 'object' || typeof loaded === 'function' ? (loaded as Exports | null) : null;
  const isItsOwnDefault = exported === null || (!('default' in exported) && !types.isModuleNamespaceObject(exported));
  if (exportName === 'default' && isItsOwnDefault) return loaded;
  const value = exported?.[exportName];
  if (value === undefined) {
    // Node adds __esModule to what require() gives for an ES module.
    const names = Object.keys(exported ?? {}).filter((key) => key !== '__esModule');
    throw new TokenvisorError(
      'START_FAILED',
      `Expected ${moduleUrl} to export '${exportName}', it exports ${names.join(', ') || 'nothing by name'}`,
    );
  }
  return value;
};
