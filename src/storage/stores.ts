/** The stores of the package, as data. */
import { absolute } from '../fs/file-path.js';
import { hideSecrets } from '../secrets/hide-secrets.js';
import type { LmdbStoreOptions, LmdbStoreSettings } from './lmdb/lmdb-options.js';
import type { PostgresStoreOptions } from './postgres/postgres-options.js';
import { lmdbStoreModule, memoryStoreModule, postgresStoreModule, type StoreReference } from './store-reference.js';

/**
 * Keeps records in the heap of the actor only: they are lost with its thread. (A ledger's revocations are in its table
 * as well, and so survive a crash of the actor; nothing survives the process.)
 *
 * @example
 * const store = memoryStore();
 */
export const memoryStore = (): StoreReference<undefined> => ({ module: memoryStoreModule, export: 'openMemoryStore' });

/**
 * Keeps records in an LMDB database, a directory on a local disk, for one process at a time. A write is acknowledged
 * when it is on the disk. Needs the package `lmdb` (3.5 or newer). A relative path is resolved now, against the working
 * directory; missing directories are created.
 *
 * @example
 * const store = lmdbStore('/var/lib/app/revoked');
 */
export const lmdbStore = (path: string | URL, options: LmdbStoreOptions = {}): StoreReference<LmdbStoreSettings> => ({
  module: lmdbStoreModule,
  export: 'openLmdbStore',
  options: {
    ...options,
    path: absolute(path),
  },
});

/**
 * Keeps records in a table of a Postgres database (13 or newer), for any number of processes. A write is acknowledged
 * when its transaction is committed. Needs the package `pg` (8.11 or newer).
 *
 * @example
 * const store = postgresStore({ connectionString: env('DATABASE_URL') });
 */
export const postgresStore = (options: PostgresStoreOptions): StoreReference<PostgresStoreOptions> => ({
  module: postgresStoreModule,
  export: 'openPostgresStore',
  options: hideSecrets(options),
});
