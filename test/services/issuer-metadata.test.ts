/** Metadata that send what proves who the client is elsewhere: a real issuer over TLS, and what listens where it points. */
import { once } from 'node:events';
import { createServer as createPlain, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo, Server } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { credential } from 'tokenvisor';
import { clientCredentials, type ClientCredentialsOptions } from 'tokenvisor/providers';
import { createAuthority } from '../support/certificates.js';
import { cleanUp, supervise } from '../support/supervised.js';

const authority = createAuthority('an authority');
const own = createAuthority('a client');
const SECRET = 'a secret of this test';

/** What the issuer says of itself, beside who it is. */
let metadata: (origin: string) => object = () => ({});
/** Requests for tokens: by which scheme. */
let asked: string[] = [];

const answer = (scheme: string) => (request: IncomingMessage, response: ServerResponse) => {
  const origin = `${scheme}://${request.headers.host}`;
  response.setHeader('content-type', 'application/json');
  if (request.url === '/.well-known/oauth-authorization-server') {
    return void response.end(JSON.stringify({ issuer: origin, ...metadata(origin) }));
  }
  asked.push(`${origin}${request.url}`);
  response.end(JSON.stringify({ access_token: 'access-1', token_type: 'Bearer', expires_in: 3_600 }));
};
const issuer: Server = createServer(
  { ...authority.issue(), requestCert: true, rejectUnauthorized: false },
  answer('https'),
);
const plain: Server = createPlain(answer('http'));
const portOf = (server: Server): number => (server.address() as AddressInfo).port;

beforeAll(async () => {
  for (const server of [issuer, plain]) await once(server.listen(0, '127.0.0.1'), 'listening');
});
afterEach(async () => {
  await cleanUp();
  asked = [];
});
afterAll(() => [issuer, plain].forEach((server) => server.close()));

const secure = (host = '127.0.0.1'): string => `https://${host}:${portOf(issuer)}`;
const inClear = (path = '/token'): string => `http://127.0.0.1:${portOf(plain)}${path}`;

const start = (more: Partial<ClientCredentialsOptions> = {}) =>
  supervise({
    upstream: credential({
      provider: clientCredentials({
        issuer: secure(),
        clientId: 'reports',
        clientSecret: SECRET,
        tls: { ca: authority.cert },
        ...more,
      }),
    }),
  });

describe('metadata over https that named a plain-http token endpoint on this machine got the client’s secret sent there', () => {
  test.each<[string, (origin: string) => object, Partial<ClientCredentialsOptions>]>([
    ['as the token endpoint', () => ({ token_endpoint: inClear() }), {}],
    [
      'as the one for mTLS',
      (origin) => ({
        token_endpoint: `${origin}/token`,
        mtls_endpoint_aliases: { token_endpoint: inClear() },
      }),
      { tls: { ca: authority.cert, cert: own.cert, key: own.key } },
    ],
  ])('%s', async (_, says, more) => {
    metadata = says;
    const { heard } = await start(more);
    expect((await heard.next('mint:failed')).failure).toMatchObject({
      class: 'fatal',
      reason: 'tls_failed',
      message: expect.stringMatching(
        /^Expected the metadata of 127.0.0.1:\d+ to name a token endpoint.* over https, /,
      ) as string,
    });
    expect(await heard.next('child:parked')).toMatchObject({ why: 'fatal_answer' });
    expect(asked).toEqual([]);
  });

  test('and sends it there if allowInsecureHttp is said', async () => {
    metadata = () => ({ token_endpoint: inClear() });
    const { heard } = await start({ allowInsecureHttp: true });
    await heard.next('mint:succeeded');
    expect(asked).toEqual([inClear()]);
  });
});

describe('tokenEndpointHosts', () => {
  test.each([
    ['one of another name', (port: number) => [`localhost:${port}`, '127.0.0.1']],
    ['one that begins alike', (port: number) => [`127.0.0.10:${port}`, `27.0.0.1:${port}`]],
  ])('parks on %s, with nothing sent', async (_, hosts) => {
    metadata = (origin) => ({ token_endpoint: `${origin}/token` });
    const { heard } = await start({ tokenEndpointHosts: hosts(portOf(issuer)) });
    expect((await heard.next('mint:failed')).failure).toMatchObject({
      class: 'fatal',
      message: expect.stringContaining('at one of `tokenEndpointHosts`') as string,
    });
    expect(asked).toEqual([]);
  });

  test('lets those that it names, in any case, of metadata at another host', async () => {
    metadata = () => ({ token_endpoint: `${secure('localhost')}/token` });
    const { heard } = await start({ tokenEndpointHosts: ['login.example.com', `LOCALHOST:${portOf(issuer)}`] });
    await heard.next('mint:succeeded');
    expect(asked).toEqual([`${secure('localhost')}/token`]);
  });
});
