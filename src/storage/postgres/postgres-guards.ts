/** Checks of what a connection string makes `pg` do. */
import type * as Pg from 'pg';
import { TokenvisorError } from '../../core/errors.js';
import { readRegularFile, whyUnreadable } from '../../fs/regular-file.js';
import { MAX_SECRET_BYTES } from '../../secrets/references.js';
import { isOnThisMachine } from './postgres-options.js';

/**
 * What `pg` leaves as a text in `ssl` it takes for TLS, also `false`, `no` and `off`. It then throws where nothing catches it, once the
 * server has agreed.
 *
 * @throws STORE_FAILED
 */
export const refuseOddSsl = ({ ssl }: Pg.Client): void => {
  if (typeof (ssl as unknown) !== 'string') return;
  throw new TokenvisorError(
    'STORE_FAILED',
    'Expected `ssl` in the connection string to be `true`, `1`, `0` or `no-verify`, got another text. Give `sslmode=verify-full` in its ' +
      'place, or `sslmode=disable` for no TLS',
  );
};

/**
 * Asked of the client, which has parsed the connection string, before it connects: a server may ask for the password in clear,
 * and would get it.
 *
 * @throws STORE_FAILED
 */
export const refuseInClear = ({ ssl, host }: Pg.Client): void => {
  // The types say that it is a boolean; it is an object too.
  if ((ssl as unknown) || isOnThisMachine(host)) return;
  throw new TokenvisorError(
    'STORE_FAILED',
    'Expected TLS to a Postgres server that is not on this machine, got a connection without it. Give `tls`, or ' +
      '`sslmode=verify-full` in the connection string; `allowInsecure: true` sends all of it in clear, the password included',
  );
};

/** `pg` reads the files of these parameters, without a look at what they are. */
const FILES = ['sslcert', 'sslkey', 'sslrootcert'];

/**
 * A pipe in the place of one of these files would block the thread for ever.
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
 * The parameters as `pg-connection-string` reads them, the last one of a name: a URL drops tabs and line breaks wherever they are. What
 * is no URL has none: the driver throws.
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
