/** Checks of dangerous settings in a connection string for `pg`. */
import type * as Pg from 'pg';
import { TokenvisorError } from '../../core/errors.js';
import { readRegularFile, whyUnreadable } from '../../fs/regular-file.js';
import { MAX_SECRET_BYTES } from '../../secrets/references.js';
import { isOnThisMachine } from './postgres-options.js';

/**
 * If `ssl` stays a string, `pg` treats it as TLS, even `false`, `no` and `off`. It then throws an uncaught error once
 * the server has agreed.
 *
 * @throws STORE_FAILED
 */
export const refuseOddSsl = ({ ssl }: Pg.Client): void => {
  if (typeof (ssl as unknown) !== 'string') return;
  throw new TokenvisorError(
    'STORE_FAILED',
    'Expected `ssl` in the connection string to be `true`, `1`, `0` or `no-verify`, got another text. Give `sslmode=verify-full` ' +
      'instead, or `sslmode=disable` for no TLS',
  );
};

/**
 * Refuses a remote server without TLS before connecting: it could ask for the password in plain text. Reads the client,
 * which has parsed the connection string.
 *
 * @throws STORE_FAILED
 */
export const refuseInClear = ({ ssl, host }: Pg.Client): void => {
  // Typed as a boolean, but may also be an object.
  if ((ssl as unknown) || isOnThisMachine(host)) return;
  throw new TokenvisorError(
    'STORE_FAILED',
    'Expected TLS to a Postgres server that is not on this machine, got a connection without it. Give `tls`, or ' +
      '`sslmode=verify-full` in the connection string; `allowInsecure: true` sends everything in plain text, including the password',
  );
};

/** `pg` reads the files of these parameters, without checking their type. */
const FILES = ['sslcert', 'sslkey', 'sslrootcert'];

/**
 * Refuses other than regular files: a pipe would block the thread for ever.
 *
 * @throws STORE_FAILED
 */
export const refuseOddFiles = (connectionString: string): void => {
  const parameters = parametersOf(connectionString);
  for (const name of FILES) {
    const path = parameters.get(name) ?? '';
    if (path === '') continue;
    try {
      readRegularFile(path, MAX_SECRET_BYTES);
    } catch (error) {
      throw new TokenvisorError('STORE_FAILED', `The file of \`${name}\` can't be read: ${whyUnreadable(error)}`);
    }
  }
};

/**
 * The parameters as `pg-connection-string` reads them, the last one of a name: a URL drops tabs and line breaks
 * anywhere. Empty if it is not a URL: the driver throws.
 */
const parametersOf = (connectionString: string): ReadonlyMap<string, string> => {
  // The directory of a socket, and a database.
  if (connectionString.startsWith('/')) return new Map();
  const text = /[ ]|%[^a-f\d]|%[a-f\d][^a-f\d]/i.test(connectionString)
    ? encodeURI(connectionString).replaceAll(/%25(\d\d)/g, '%$1')
    : connectionString;
  const read = [text, text.replace('@/', '@host/')].find((one) => URL.canParse(one, 'postgres://base'));
  return new Map(read === undefined ? [] : new URL(read, 'postgres://base').searchParams);
};
