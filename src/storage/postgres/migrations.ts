/** The tables of the Postgres store, as SQL. */
import { checked, object, optionsOf } from '../../config/check.js';
import { namesShape, type PostgresStoreOptions } from './postgres-options.js';

/** A step from one version of the tables to the next. */
export interface PostgresMigration {
  /** Counts from 1; the table of migrations has the versions that were run. */
  readonly version: number;
  /** The statements, without a transaction around them. */
  readonly sql: string;
}

/** The names of the tables. */
export type PostgresNames = Pick<PostgresStoreOptions, 'schema' | 'tablePrefix'>;

export interface TableNames {
  readonly schema: string;
  readonly records: string;
  readonly migrations: string;
}

/** @throws CONFIG_INVALID for names that need quotes */
export const tableNames = (names: PostgresNames = {}): TableNames => {
  const { schema: wanted, tablePrefix: prefix } = optionsOf(names, 'names');
  const { schema, tablePrefix } = checked(object(namesShape), { schema: wanted, tablePrefix: prefix }, '');
  return {
    schema,
    records: `${schema}.${tablePrefix}records`,
    migrations: `${schema}.${tablePrefix}migrations`,
  };
};

const index = (records: string, column: string): string => `${records.slice(records.indexOf('.') + 1)}_${column}`;

const TABLE_OF_MIGRATIONS = ({ schema, migrations }: TableNames): string => `CREATE SCHEMA IF NOT EXISTS ${schema};
CREATE TABLE IF NOT EXISTS ${migrations} (
  version integer PRIMARY KEY,
  run_at timestamptz NOT NULL DEFAULT now()
);`;

const FIRST = ({ records }: TableNames): string => `CREATE TABLE ${records} (
  id bytea PRIMARY KEY,
  whole_key bytea,
  version bigint NOT NULL,
  state bigint NOT NULL CHECK (state BETWEEN 0 AND 4294967295),
  expires_at double precision NOT NULL,
  subject bytea,
  whole_subject bytea,
  data text NOT NULL,
  changed_by xid8 NOT NULL
);
COMMENT ON TABLE ${records} IS 'Records of a tokenvisor ledger. No tokens are in it.';
COMMENT ON COLUMN ${records}.id IS 'The key: convert_from(id, ''UTF8''); long ones by their SHA-256, whole in whole_key.';
COMMENT ON COLUMN ${records}.expires_at IS 'Milliseconds since 1970; Infinity for never.';
COMMENT ON COLUMN ${records}.data IS 'JSON.';
COMMENT ON COLUMN ${records}.changed_by IS 'The transaction that wrote the row last.';
CREATE INDEX ${index(records, 'subject')} ON ${records} (subject, id) WHERE subject IS NOT NULL;
CREATE INDEX ${index(records, 'expiry')} ON ${records} (expires_at, id) WHERE expires_at < 'Infinity';
CREATE INDEX ${index(records, 'changes')} ON ${records} (changed_by);`;

const STEPS: readonly ((names: TableNames) => string)[] = [FIRST];

/**
 * The steps that `postgresStore()` runs when it is opened, for a person to run instead: each step that the table of
 * migrations does not have, in order, in one transaction, with its version added to that table. {@link postgresSchema}
 * combines them all.
 *
 * @throws CONFIG_INVALID
 */
export const postgresMigrations = (names: PostgresNames = {}): readonly PostgresMigration[] => {
  const tables = tableNames(names);
  return STEPS.map((step, at) => ({ version: at + 1, sql: step(tables) }));
};

/** The SQL that creates the schema and the table of migrations. */
export const migrationsTable = (names: PostgresNames): string => TABLE_OF_MIGRATIONS(tableNames(names));

/**
 * The SQL that creates all tables of a new ledger, to be run once, by psql for instance. Afterwards a role needs USAGE
 * on the schema, SELECT on both tables, and INSERT, UPDATE and DELETE on the records.
 *
 * @throws CONFIG_INVALID
 */
export const postgresSchema = (names: PostgresNames = {}): string => {
  const { migrations } = tableNames(names);
  const steps = postgresMigrations(names).flatMap(({ version, sql }) => [
    sql,
    `INSERT INTO ${migrations} (version) VALUES (${version});`,
  ]);
  return ['BEGIN;', migrationsTable(names), ...steps, 'COMMIT;', ''].join('\n');
};
