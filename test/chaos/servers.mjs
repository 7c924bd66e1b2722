/**
 * What a chaos run talks to: two real authorization servers, each in a process of its own, a hostile one in front of the
 * first, a real Postgres behind a network that fails on demand.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { startHostileProcess } from '../hostile/server-process.mjs';
import { importTypeScript } from '../run/typescript.mjs';
import { JWT_BEARER, TOKEN_EXCHANGE } from '../support/authorization-grants.mjs';
import { startAuthorizationServer } from '../support/authorization-server.mjs';

const KEEPER = fileURLToPath(new URL('../support/postgres-keeper.mjs', import.meta.url));

/** How long access tokens live. */
const LIFE_S = 6;
const SHORT_LIFE_S = 4;

const CERTIFICATE_NAME = 'chaos.client.example';

export const ACCOUNT = 'chaos@project-1.iam.gserviceaccount.example';
export const secretOf = (/** @type {string} */ clientId) => `${clientId}-secret/+%: 4711`;

/** @param {string} clientId @param {string[]} grants */
const exchanger = (clientId, ...grants) => ({ clientId, clientSecret: secretOf(clientId), grants });

const startPostgres = async () => {
  const password = randomBytes(12).toString('hex');
  const keeper = spawn(process.execPath, [KEEPER, password], { stdio: ['pipe', 'pipe', 'inherit'] });
  const exit = once(keeper, 'exit');
  const lines = createInterface(keeper.stdout)[Symbol.asyncIterator]();
  const line = async () => {
    const { value } = await lines.next();
    if (value === undefined) throw new Error('Postgres has ended');
    return /** @type {string} */ (value);
  };
  /** @type {{ port: number }} */
  const { port } = JSON.parse(await line());
  const urlAt = (/** @type {number} */ at) => `postgres://tester:${password}@127.0.0.1:${at}/postgres`;
  /** Runs a statement in a session of its own; for a moment after its start a server takes none. @param {string} text */
  const ask = async (text) => {
    for (let tries = 0; ; tries += 1) {
      const client = new pg.Client({ connectionString: urlAt(port) });
      client.on('error', () => undefined);
      try {
        await client.connect();
        const { rows } = await client.query(text);
        return rows;
      } catch (error) {
        if (tries === 100) throw error;
        await sleep(50);
      } finally {
        await client.end().catch(() => undefined);
      }
    }
  };
  return {
    port,
    urlAt,
    ask,
    /** Kills the server and starts it again. */
    restart: async () => {
      keeper.kill('SIGUSR2');
      await line();
    },
    close: async () => {
      keeper.stdin.end();
      await exit;
    },
  };
};

/** @typedef {Awaited<ReturnType<typeof startServers>>} Servers */

export const startServers = async () => {
  const [{ createAuthority }, { makeKey }, { startProxy }] = await Promise.all(
    ['certificates', 'signing-keys', 'tcp-proxy'].map((name) => importTypeScript(`test/support/${name}.ts`)),
  );
  const [authority, ofClients] = [createAuthority('an authority'), createAuthority('the authority of the clients')];
  const keys = { client: makeKey('P-256'), bearer: makeKey('P-256'), account: makeKey('rsa') };

  const starting = startAuthorizationServer({
    accessTokenTtlS: LIFE_S,
    withoutClient: true,
    clients: [
      ...['basic', 'lazy', 'every', 'rotating', 'overlapping'].map((clientId) =>
        exchanger(clientId, 'client_credentials'),
      ),
      { ...exchanger('post', 'client_credentials'), authentication: 'client_secret_post' },
      {
        clientId: 'key',
        authentication: 'private_key_jwt',
        keys: [keys.client.publicJwk],
        grants: ['client_credentials'],
      },
      ...['single', 'stored', 'renewed'].map((clientId) => exchanger(clientId, 'refresh_token')),
      exchanger('bearer', JWT_BEARER),
      ...['first', 'second', 'third', 'chained'].map((name) => exchanger(`exchange-${name}`, TOKEN_EXCHANGE)),
    ],
    trusted: [
      // Whoever is in front of the server is whom an assertion is for.
      { issuer: 'chaos', keys: [{ ...keys.bearer.publicJwk, kid: 'b' }], subjects: ['anne'], audiences: ['urn:chaos'] },
      { issuer: ACCOUNT, keys: [{ ...keys.account.publicJwk, kid: 'a' }], subjects: [ACCOUNT], google: true },
    ],
  });
  const secured = startAuthorizationServer({
    tls: { ...authority.issue(), clientCa: ofClients.cert },
    rotation: 'reusable',
    accessTokenTtlS: SHORT_LIFE_S,
    clients: [
      {
        clientId: 'mtls',
        authentication: 'tls_client_auth',
        certificateName: CERTIFICATE_NAME,
        grants: ['client_credentials'],
      },
      exchanger('reusable', 'refresh_token'),
    ],
  });
  const database = startPostgres();
  const server = await starting;
  const front = await startHostileProcess({ upstream: server.url });
  const [other, postgres] = await Promise.all([secured, database]);
  const proxy = await startProxy(postgres.port);
  return {
    ...{ server, other, front, postgres, proxy, keys },
    ca: authority.cert,
    certificate: ofClients.issue({ dnsNames: [CERTIFICATE_NAME] }),
    /** @returns {Promise<import('./tokens.mjs').Issuer[]>} what verifies the tokens */
    issuers: () =>
      Promise.all(
        [
          { ...server, lifeMs: LIFE_S * 1_000 },
          { ...other, lifeMs: SHORT_LIFE_S * 1_000 },
        ].map(async ({ issuer, jwksUrl, lifeMs }) => ({
          ...{ issuer, lifeMs },
          jwks: await fetchJson(jwksUrl, authority.cert),
        })),
      ),
    close: async () => {
      await proxy.close();
      await Promise.all([front, server, other, postgres].map((one) => one.close()));
    },
  };
};

/** By node:http, which leaves nothing behind. @param {string} url @param {string} ca @returns {Promise<object>} */
const fetchJson = async (url, ca) => {
  const { get } = url.startsWith('https:') ? await import('node:https') : await import('node:http');
  return new Promise((resolve, reject) => {
    get(url, { agent: false, ca }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk) => (text += chunk));
      response.on('end', () => resolve(JSON.parse(text)));
    }).on('error', reject);
  });
};
