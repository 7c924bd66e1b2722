/** What a connection string makes the driver do: of the driver that is installed. */
import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { refuseOddSsl } from '../../../src/storage/postgres/postgres-guards.js';

const clientOf = (parameters: string): pg.Client =>
  new pg.Client({ connectionString: `postgres://ann@127.0.0.1/app?${parameters}` });

describe('a text that pg left in `ssl` counted as TLS, and the server could end the thread', () => {
  it.each(['false', 'no', 'off', 'yes', 'on', 'TRUE', 'disable', '2', 'x%20y'])('ssl=%s: refused', (text) => {
    const client = clientOf(`ssl=${text}`);
    expect(client.ssl, 'what pg makes of it').toBe(decodeURIComponent(text));
    expect(() => refuseOddSsl(client)).toThrow(
      expect.objectContaining({
        code: 'STORE_FAILED',
        message: expect.stringMatching(/^Expected `ssl` in the connection string/) as string,
      }) as Error,
    );
  });

  it.each<[string, unknown]>([
    ['ssl=true', true],
    ['ssl=1', true],
    ['ssl=0', false],
    ['ssl=', false],
    ['', false],
    ['ssl=no-verify', { rejectUnauthorized: false }],
    ['ssl=false&sslmode=verify-full', {}],
    ['ssl=false&sslmode=disable', false],
  ])('%s is as pg understands it', (parameters, ssl) => {
    const client = clientOf(parameters);
    expect(client.ssl).toEqual(ssl);
    expect(() => refuseOddSsl(client)).not.toThrow();
  });
});
