/** Updates the tables, or says which statements to run. */
import { TokenvisorError } from '../../core/errors.js';
import { migrationsTable, postgresMigrations, tableNames } from './migrations.js';
import type { PostgresConnection } from './postgres-connection.js';
import type { CheckedPostgresOptions } from './postgres-options.js';

const OLDEST_SERVER = 130_000;

type Query = (text: string, values?: readonly unknown[]) => ReturnType<PostgresConnection['query']>;

/** @throws STORE_FAILED if the tables are not of the version that this package needs */
export const migrate = async (query: Query, options: CheckedPostgresOptions): Promise<void> => {
  await checkServer(query);
  const steps = postgresMigrations(options);
  const { schema, migrations } = tableNames(options);
  const missing = await missingSteps(query, migrations, steps.length);
  if (missing.length === 0) return;
  if (!options.migrate) {
    const what = missing.length === steps.length ? 'postgresSchema' : 'postgresMigrations';
    throw new TokenvisorError(
      'STORE_FAILED',
      `Expected ${migrations} to have version ${steps.length}, got ${steps.length - missing.length}. Run the SQL of ` +
        `${what}({ schema: '${schema}', tablePrefix: '${options.tablePrefix}' }) of tokenvisor/storage, or leave ` +
        'out `migrate: false`',
    );
  }
  // One query of several commands is one transaction, and the lock ends with it: a second process finds the work done.
  const lock = `SELECT pg_advisory_xact_lock(hashtext('tokenvisor ${migrations}'))`;
  const guarded = steps.map(
    ({ version, sql }) => `DO $tokenvisor$ BEGIN
      IF NOT EXISTS (SELECT FROM ${migrations} WHERE version = ${version}) THEN
        ${sql}
        INSERT INTO ${migrations} (version) VALUES (${version});
      END IF;
    END $tokenvisor$;`,
  );
  const [found] = await query('SELECT to_regnamespace($1) IS NOT NULL AS there', [schema]);
  // CREATE SCHEMA IF NOT EXISTS needs the right to create even if the schema exists.
  const table = migrationsTable(options).replace(/^CREATE SCHEMA [^;]+;/, (make) =>
    found?.['there'] === true ? '' : make,
  );
  try {
    await query([lock, table.replace(/;$/, ''), ...guarded].join(';\n'));
  } catch (error) {
    throw mayNot(error) ? notAllowed(options) : error;
  }
};

/** `insufficient_privilege`. */
const mayNot = (error: unknown): boolean => (error as { readonly code?: unknown } | null)?.code === '42501';

const notAllowed = ({ schema, tablePrefix }: CheckedPostgresOptions): TokenvisorError =>
  new TokenvisorError(
    'STORE_FAILED',
    `Expected the role to be allowed to make the tables in the schema '${schema}': Postgres refused it (42501). Grant it, ` +
      `or have an administrator run the SQL of postgresSchema({ schema: '${schema}', tablePrefix: '${tablePrefix}' }) of ` +
      'tokenvisor/storage, and set `migrate: false`',
  );

const checkServer = async (query: Query): Promise<void> => {
  const [server] = await query("SELECT current_setting('server_version_num')::int AS version");
  const version = Number(server?.['version']);
  if (version >= OLDEST_SERVER) return;
  throw new TokenvisorError('STORE_FAILED', `Expected Postgres 13 or newer, got ${Math.floor(version / 10_000)}`);
};

/** @throws STORE_FAILED for tables of a newer version of the package */
const missingSteps = async (query: Query, migrations: string, count: number): Promise<readonly number[]> => {
  const all = Array.from({ length: count }, (_, at) => at + 1);
  const [table] = await query('SELECT to_regclass($1) IS NOT NULL AS there', [migrations]);
  if (table?.['there'] !== true) return all;
  const run = (await query(`SELECT version FROM ${migrations}`)).map((row) => Number(row['version']));
  const newest = Math.max(0, ...run);
  if (newest > count) {
    throw new TokenvisorError(
      'STORE_FAILED',
      `Expected ${migrations} to have at most version ${count}, got ${newest}: a newer tokenvisor has updated it. Update this one`,
    );
  }
  return all.filter((version) => !run.includes(version));
};
