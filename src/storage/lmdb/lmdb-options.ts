/** The options of the LMDB store, and their check. */
import { check, number, object, optional, string, type CheckResult } from '../../config/check.js';

/** Options of `lmdbStore()`. */
export interface LmdbStoreOptions {
  /**
   * The bound of one operation: ms, 100 to 600,000. A slower one fails with STORE_UNAVAILABLE.
   * @default 10_000
   */
  readonly timeoutMs?: number;
  /**
   * How long opening waits for another owner of the directory to end: ms, 0 to 600,000.
   * @default 5_000
   */
  readonly lockTimeoutMs?: number;
}

/** {@link LmdbStoreOptions}, with the path. */
export interface LmdbStoreSettings extends LmdbStoreOptions {
  /** The directory. */
  readonly path: string;
}

/** Checks the options of the LMDB store. */
export const checkLmdbOptions = (options: unknown, path: string): CheckResult<Required<LmdbStoreSettings>> =>
  check(
    object({
      path: string(),
      timeoutMs: optional(number({ min: 100, max: 600_000 }), 10_000),
      lockTimeoutMs: optional(number({ min: 0, max: 600_000 }), 5_000),
    }),
    options,
    path,
  );
