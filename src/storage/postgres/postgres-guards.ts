/** Checks of what a connection string makes `pg` do. */
import type * as Pg from 'pg';
import { TokenvisorError } from '../../errors.js';
import { readRegularFile, whyUnreadable } from '../../providers/regular-file.js';
import { MAX_SECRET_BYTES } from '../../providers/secrets.js';
import { isOnThisMachine } from './postgres-options.js';

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
  const parameters = /\?([^#]*)/.exec(connectionString)?.[1] ?? '';
  for (const [name, path] of new URLSearchParams(parameters)) {
    if (!FILES.includes(name) || path === '') continue;
    try {
      readRegularFile(path, MAX_SECRET_BYTES);
    } catch (error) {
      throw new TokenvisorError('STORE_FAILED', `The file of \`${name}\` can't be read: ${whyUnreadable(error)}`);
    }
  }
};
