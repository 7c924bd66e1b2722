/** The check for a user's module: a `file:` URL, and the default or a named export. */
import { isUrl } from '../core/realm.js';
import type { Check } from './check.js';
import { describeKind, isPlainObject } from '../core/describe.js';

/**
 * A user's module: its `file:` URL (`new URL('./billing.js', import.meta.url)`), for its default export; or the URL and
 * the name of an export. It is loaded in the child's thread.
 */
export type ModuleReference = URL | string | { readonly module: URL | string; readonly export?: string };

export interface ResolvedModule {
  readonly module: string;
  readonly export: string;
}

const fileUrl: Check<string> = (value, path, report) => {
  const href = isUrl(value) ? value.href : value;
  if (typeof href === 'string' && href.startsWith('file:') && URL.canParse(href)) return href;
  report(path, 'a file: URL, as new URL(…, import.meta.url) gives', describeKind(value));
  return '';
};

/** A {@link ModuleReference}, resolved. */
export const moduleReference = (): Check<ResolvedModule> => (value, path, report) => {
  if (!isPlainObject(value)) return { module: fileUrl(value, path, report), export: 'default' };
  for (const key of Object.keys(value)) {
    if (key !== 'module' && key !== 'export')
      report(`${path}.${key}`, 'one of `module`, `export`', 'an unknown option');
  }
  const name = value.export ?? 'default';
  const isName = typeof name === 'string' && name !== '';
  if (!isName) report(`${path}.export`, 'the name of an export', describeKind(name));
  return { module: fileUrl(value.module, `${path}.module`, report), export: isName ? name : 'default' };
};
