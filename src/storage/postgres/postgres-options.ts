/** The options of the Postgres store, and their check. */
import { anyOf, boolean, check, joinPath, number, object, optional, string } from '../../config/check.js';
import type { CheckResult } from '../../config/check.js';
import { isLoopbackHost } from '../../net/url.js';
import { authorities, secret } from '../../secrets/secret-check.js';
import type { SecretReference } from '../../secrets/references.js';

/** TLS to a Postgres server: PEM texts, or references to them; a path is given as `file(path)`. */
export interface PostgresTls {
  /** Certificate authorities to trust instead of the well-known ones. */
  readonly ca?: SecretReference | string | readonly (SecretReference | string)[];
  /** The client's certificate chain … */
  readonly cert?: SecretReference | string;
  /** … and its private key. */
  readonly key?: SecretReference | string;
  /**
   * The name that the server's certificate must have, if the server is reached by an address.
   * @default the host
   */
  readonly servername?: string;
  /**
   * Whether the server's certificate is verified.
   * @default true
   */
  readonly rejectUnauthorized?: boolean;
}

/** Options of `postgresStore()`: a connection string, or its parts. */
export interface PostgresStoreOptions {
  /** `postgres://user:password@host:port/database?sslmode=verify-full`: a secret as a whole. */
  readonly connectionString?: SecretReference | string;
  /**
   * The server, by name, address, or the directory of its socket.
   * @default 'localhost'
   */
  readonly host?: string;
  /**
   * Its port.
   * @default 5_432
   */
  readonly port?: number;
  /**
   * The database.
   * @default the user's name
   */
  readonly database?: string;
  /**
   * The role.
   * @default required without `connectionString`
   */
  readonly user?: string;
  /** Its password, read again for each connection. */
  readonly password?: SecretReference | string;
  /**
   * Whether and how TLS is used. Required for a server that is not on this machine; see `allowInsecure`.
   * @default as the connection string says, else none
   */
  readonly tls?: boolean | PostgresTls;
  /**
   * Allows a connection without TLS to another machine. The server, and everyone on the network path, then gets the
   * password in plain text if the server asks for it.
   * @default false
   */
  readonly allowInsecure?: boolean;
  /**
   * The schema of the tables: letters in lower case, digits and underscores.
   * @default 'tokenvisor'
   */
  readonly schema?: string;
  /**
   * The prefix of the tables' names, so that several ledgers have separate tables.
   * @default 'ledger_'
   */
  readonly tablePrefix?: string;
  /**
   * Whether the tables are created and updated when the store is opened. If not, a person must first run the SQL of
   * `postgresMigrations()`.
   * @default true
   */
  readonly migrate?: boolean;
  /**
   * Whether the server notifies of changes (LISTEN). Behind a pool that shares sessions (PgBouncer by transaction):
   * `false`.
   * @default true
   */
  readonly listen?: boolean;
  /**
   * The bound for opening a connection with its session: ms, 100 to 600,000.
   * @default 5_000
   */
  readonly connectTimeoutMs?: number;
  /**
   * The bound of one statement: ms, 100 to 600,000. The server is then asked to end it; if it does not answer a second
   * later, the connection is dropped.
   * @default 10_000
   */
  readonly statementTimeoutMs?: number;
}

/** {@link PostgresStoreOptions} after the check. */
export type CheckedPostgresOptions = PostgresStoreOptions &
  Required<
    Pick<
      PostgresStoreOptions,
      'allowInsecure' | 'schema' | 'tablePrefix' | 'migrate' | 'listen' | 'connectTimeoutMs' | 'statementTimeoutMs'
    >
  >;

/** True for a host on this machine: a socket's directory, or a loopback address. */
export const isOnThisMachine = (host: string): boolean => host.startsWith('/') || isLoopbackHost(host);

const PARTS = ['host', 'port', 'database', 'user', 'password'] as const;

/** Names that need no quotes, and that leave room for suffixes. */
const schemaName = string({
  pattern: /^[a-z_][a-z0-9_]{0,39}$/,
  expected: 'a name of at most 40 lower-case letters, digits and underscores',
});

const tls = anyOf<boolean | PostgresTls>(
  'true, false, or an object with `ca`, `cert`, `key`, `servername`, `rejectUnauthorized`',
  boolean(),
  object({
    ca: optional(authorities),
    cert: optional(secret()),
    key: optional(secret()),
    servername: optional(string()),
    rejectUnauthorized: optional(boolean()),
  }),
);

/** The check of the names of schema and tables, also for printing the SQL. */
export const namesShape = {
  schema: optional(schemaName, 'tokenvisor'),
  tablePrefix: optional(schemaName, 'ledger_'),
};

/** Checks the options of the Postgres store. */
export const checkPostgresOptions = (options: unknown, path: string): CheckResult<CheckedPostgresOptions> =>
  check(
    object(
      {
        ...namesShape,
        connectionString: optional(secret()),
        host: optional(string()),
        port: optional(number({ min: 1, max: 65_535, integer: true })),
        database: optional(string()),
        user: optional(string()),
        password: optional(secret()),
        tls: optional(tls),
        allowInsecure: optional(boolean(), false),
        migrate: optional(boolean(), true),
        listen: optional(boolean(), true),
        connectTimeoutMs: optional(number({ min: 100, max: 600_000 }), 5_000),
        statementTimeoutMs: optional(number({ min: 100, max: 600_000 }), 10_000),
      },
      (value, at, report) => {
        const unset = ['connectionString', 'password'].filter((key) => key in value && value[key] === undefined);
        for (const key of unset) report(joinPath(at, key), 'a secret, or absent', 'nothing');
        const parts = PARTS.filter((key) => value[key] !== undefined);
        if (value['connectionString'] !== undefined && parts.length > 0) {
          report(at, 'an object with `connectionString` or the parts of one', `both, with \`${parts.join('`, `')}\``);
        }
        // The driver takes missing parts from the environment, and an actor's is empty.
        if (value['connectionString'] === undefined && value['user'] === undefined && unset.length === 0) {
          report(at, 'an object with `connectionString`, or `user` and the other parts of one', 'neither');
        }
        const { host, tls: encrypted = false, allowInsecure } = value;
        const isRemote = typeof host === 'string' && !isOnThisMachine(host);
        if (isRemote && encrypted === false && allowInsecure !== true) {
          report(
            joinPath(at, 'tls'),
            'true or an object, as `host` is another machine (see `allowInsecure`)',
            'no TLS',
          );
        }
      },
    ),
    options,
    path,
  );
