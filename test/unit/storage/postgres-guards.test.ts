/** What a connection string makes the driver do: of the driver that is installed. */
import fc from 'fast-check';
import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { refuseOddFiles, refuseOddSsl } from '../../../src/storage/postgres/postgres-guards.js';

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

describe('a key file of a connection string was not looked at, and a pipe there blocked the thread', () => {
  const READS = /^ENOENT: no such file/;
  const ofDriver = (connectionString: string): string => messageOf(() => new pg.Client({ connectionString }));
  const ofGuard = (connectionString: string): string => messageOf(() => refuseOddFiles(connectionString));

  it.each([
    ['a string folded over lines', 'postgres://ann@h/app?sslmode=require&\nsslkey=/none/key'],
    ['a tab in the name', 'postgres://ann@h/app?ssl\tkey=/none/key'],
    ['a line break in the name', 'postgres://ann@h/app?ssl\r\nkey=/none/key'],
    ['a line break before the parameters', 'postgres://ann@h/app\n?sslkey=/none/key'],
    ['a name in percents', 'postgres://ann@h/app?ssl%6Bey=/none/key'],
    ['no host', 'postgres://ann:x@/app?host=h&sslrootcert=/none/ca'],
    ['a space, so that other percents are none', 'postgres://ann@h/my app?sslcert=/none/c%2fd%2a'],
    ['the last of two', 'postgres://ann@h/app?sslkey=&sslkey=/none/key'],
  ])('%s', (_, text) => {
    expect(ofDriver(text), 'it reads the file').toMatch(READS);
    expect(ofGuard(text)).toMatch(/^The file of `ssl(?:key|cert|rootcert)` can't be read: /);
  });

  it('what the driver reads is what is looked at', () => {
    const odd = [
      '\n',
      '\t',
      '\r',
      ' ',
      '%6B',
      '%20',
      '%2f',
      '%',
      '%4',
      '%zz',
      '#',
      '?',
      '&',
      '=',
      '@/',
      ':',
      '/',
      '+',
      '[',
      'é',
      '\\',
    ];
    const whole = ['&sslkey=', '&sslcert=/none/cert', '?sslrootcert=/none/ca', '&host=h', '&ssl%6Bey=/none/key'];
    const insertion = fc.tuple(fc.nat(60), fc.constantFrom(...odd, ...whole));
    const start = fc.constantFrom('postgres://ann:x@h/app', 'postgres://ann@/app', 'socket:/tmp', '/tmp', '');
    const text = fc
      .tuple(start, fc.array(insertion, { maxLength: 4 }))
      .map(([first, more]) =>
        more.reduce(
          (so, [at, piece]) => so.slice(0, at) + piece + so.slice(at),
          `${first}?sslmode=require&sslkey=/none/key`,
        ),
      );
    let reads = 0;
    fc.assert(
      fc.property(text, (one) => {
        if (!/^E(?:NOENT|ISDIR|NOTDIR|ACCES)/.test(ofDriver(one))) return;
        reads += 1;
        expect(ofGuard(one)).toMatch(/^The file of /);
      }),
      { numRuns: 2_000 },
    );
    expect(reads).toBeGreaterThan(100);
  });
});

const messageOf = (act: () => unknown): string => {
  try {
    act();
    return '';
  } catch (error) {
    return (error as Error).message;
  }
};
