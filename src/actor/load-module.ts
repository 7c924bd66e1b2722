/**
 * Loads a user's module into an actor: by require, which needs no thread of libuv's pool and so works while it is full.
 */
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { TokenvisorError } from '../errors.js';

const require = createRequire(import.meta.url);

const HINTS: Readonly<Record<string, string>> = {
  ERR_REQUIRE_ASYNC_MODULE: 'it, or a module that it imports, has a top-level await: do that work in a function',
  ERR_UNKNOWN_FILE_EXTENSION: 'Node does not run this kind of file: build it first, or pass a loader by `execArgv`',
  MODULE_NOT_FOUND: 'a file is not there: build it first, and give the URL by new URL(…, import.meta.url)',
  ERR_MODULE_NOT_FOUND: 'a file is not there: build it first, and give the URL by new URL(…, import.meta.url)',
};

const hint = (error: unknown, url: string): string => {
  const { code, message } = error as { code?: string; message?: string };
  if (error instanceof SyntaxError && /\.[cm]?tsx?$/.test(url)) return HINTS.ERR_UNKNOWN_FILE_EXTENSION as string;
  return (code && HINTS[code]) ?? String(message).split('\n')[0] ?? 'it threw';
};

/** The export of a module. Throws START_FAILED with what to do. */
export const loadExport = (moduleUrl: string, exportName: string): unknown => {
  let loaded: Record<string, unknown>;
  try {
    loaded = require(fileURLToPath(moduleUrl)) as Record<string, unknown>;
  } catch (error) {
    throw new TokenvisorError('START_FAILED', `Can't load ${moduleUrl}: ${hint(error, moduleUrl)}`, { cause: error });
  }
  // A CommonJS module is its own default export.
  const value = exportName === 'default' && !('default' in loaded) ? loaded : loaded[exportName];
  if (value === undefined) {
    throw new TokenvisorError(
      'START_FAILED',
      `Expected ${moduleUrl} to export '${exportName}', it exports ${Object.keys(loaded).join(', ') || 'nothing'}`,
    );
  }
  return value;
};
