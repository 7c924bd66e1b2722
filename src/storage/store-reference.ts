/** A store as data, which can be sent to the actor that opens it. */
import { custom, object, optional, string, anything, check, type Check, type CheckResult } from '../config/check.js';
import { describeKind } from '../core/describe.js';
import { packageModule } from '../core/package-files.js';
import { isUrl } from '../core/realm.js';
import { checkLmdbOptions } from './lmdb/lmdb-options.js';
import { checkPostgresOptions } from './postgres/postgres-options.js';

/**
 * A custom store, or one from {@link memoryStore}, `lmdbStore()` or `postgresStore()`. The export is an
 * {@link OpenStore}; it is called in the actor's thread with the options, in which secrets are still references:
 * `readSecret(reference)` of `tokenvisor/storage` returns their values.
 */
export interface StoreReference<Options = unknown> {
  /** The module: `new URL('./my-store.js', import.meta.url)`. */
  readonly module: URL | string;
  /**
   * The name of the export.
   * @default 'default'
   */
  readonly export?: string;
  /** The options it is opened with: plain data and secret references. */
  readonly options?: Options;
}

/** A checked {@link StoreReference}, which can be cloned. */
export interface CheckedStoreReference {
  readonly module: string;
  readonly export: string;
  readonly options: unknown;
}

export const memoryStoreModule = packageModule('storage/memory/memory-store.js');
export const lmdbStoreModule = packageModule('storage/lmdb/lmdb-store.js');
export const postgresStoreModule = packageModule('storage/postgres/postgres-store.js');

type CheckOptions = (options: unknown, path: string) => CheckResult<unknown>;

const CHECKS: ReadonlyMap<unknown, CheckOptions> = new Map<unknown, CheckOptions>([
  [memoryStoreModule, (options, path) => check(optional(object({})), options, path)],
  [lmdbStoreModule, checkLmdbOptions],
  [postgresStoreModule, checkPostgresOptions],
]);

const moduleUrl = custom(
  'a file: URL, as new URL(…, import.meta.url) gives',
  (value): value is URL | string => {
    if (typeof value === 'string' && CHECKS.has(value)) return true;
    const href = isUrl(value) ? value.href : value;
    return typeof href === 'string' && href.startsWith('file:') && URL.canParse(href);
  },
  describeKind,
);

const shape = object({ module: moduleUrl, export: optional(string(), 'default'), options: optional(anything) });

/** The check of an option that is a store. For a store of the package it also checks the store's options. */
export const storeReference = (): Check<CheckedStoreReference> => (value, path, report) => {
  const { module, export: name, options } = shape(value, path, report);
  const checked = CHECKS.get(module)?.(options, `${path}.options`) ?? { value: options, problems: [] };
  for (const { path: at, expected, came } of checked.problems) report(at, expected, came);
  return { module: isUrl(module) ? module.href : module, export: name, options: checked.value };
};
