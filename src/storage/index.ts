/**
 * The stores of a ledger's records: those of the package, and the types for a custom store.
 *
 * @module
 */
export { readSecret } from '../secrets/references.js';
export type { LmdbStoreOptions, LmdbStoreSettings } from './lmdb/lmdb-options.js';
export {
  postgresMigrations,
  postgresSchema,
  type PostgresMigration,
  type PostgresNames,
} from './postgres/migrations.js';
export type { PostgresStoreOptions, PostgresTls } from './postgres/postgres-options.js';
export type { StoreReference } from './store-reference.js';
export type {
  OpenStore,
  Store,
  StoreChanges,
  StoreContext,
  StoreCursor,
  StoredEntry,
  StoredRecord,
  StoreRemoval,
  StoreEntries,
  StoreWrite,
  StoreWriteResult,
} from './port/store.js';
export { lmdbStore, memoryStore, postgresStore } from './stores.js';
