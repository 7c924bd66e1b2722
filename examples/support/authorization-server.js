// @ts-check
/**
 * A real OAuth authorization server (oidc-provider) for the examples, in a separate process, without internet.
 *
 * It issues access tokens by client credentials, by single-use refresh tokens (a repeated one counts as
 * stolen, and the whole grant is revoked), by JWT bearer assertions, and in exchange for its own tokens.
 * `issueRefreshToken` replaces a consent screen in a browser. Every secret is made at run time. The
 * process ends with its parent.
 */
import { fork } from 'node:child_process';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';
import { addFurtherGrants, JWT_BEARER, TOKEN_EXCHANGE } from './further-grants.js';

/**
 * @typedef {object} Client
 * @property {string} clientId
 * @property {string} clientSecret
 *
 * @typedef {object} KeyClient a client that signs assertions, and has no secret (`private_key_jwt`)
 * @property {string} clientId
 * @property {import('jose').JWK[]} publicKeys
 *
 * @typedef {object} Statistics counted since the start
 * @property {number} tokensIssued
 * @property {number} refusals
 * @property {number} reuses single-use refresh tokens that came a second time
 * @property {string[]} keyIds the keys by which clients have signed their assertions, in order
 */

const SCOPE = 'read write';
const RESOURCE = 'urn:example:api';

/**
 * Starts the server, and resolves when it listens.
 *
 * @param {object} [options]
 * @param {number} [options.accessTokenLifeS] seconds; 60 by default
 * @param {string[]} [options.clients] their ids; one, `app`, by default
 * @param {KeyClient[]} [options.keyClients] clients that prove who they are by a key
 * @param {Record<string, import('jose').JWK[]>} [options.services] who may present JWT bearer assertions: their names,
 *   with their public keys
 */
export async function startAuthorizationServer({
  accessTokenLifeS = 60,
  clients = ['app'],
  keyClients = [],
  services = {},
} = {}) {
  const registered = clients.map((clientId) => ({ clientId, clientSecret: randomBytes(24).toString('base64url') }));
  const child = fork(fileURLToPath(import.meta.url), ['--serve'], {
    execArgv: [],
    env: { NODE_NO_WARNINGS: '1' },
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  // It warns on stderr that it is not for production; its stderr matters only if it dies.
  let complaints = '';
  child.stderr?.setEncoding('utf8').on('data', (text) => (complaints += text));
  const exited = once(child, 'exit').then(() => {
    throw new Error(`The authorization server has ended\n${complaints}`);
  });
  exited.catch(() => undefined);

  /** @type {Map<number, (value: any) => void>} */
  const pending = new Map();
  child.on('message', (/** @type {any} */ { id, value }) => {
    pending.get(id)?.(value);
    pending.delete(id);
  });
  let lastId = 0;
  /** @param {object} request @returns {Promise<any>} */
  const ask = (request) => {
    const id = ++lastId;
    const answered = new Promise((resolve) => pending.set(id, resolve));
    child.send({ id, ...request });
    return Promise.race([answered, exited]);
  };

  /** @type {string} */
  const issuer = await ask({ kind: 'serve', options: { accessTokenLifeS, clients: registered, keyClients, services } });
  return {
    issuer,
    /** @param {string} [clientId] @returns {Client} */
    client: (clientId = clients[0]) => {
      const client = registered.find((each) => each.clientId === clientId);
      if (!client) throw new Error(`There is no client '${clientId}'`);
      return client;
    },
    /** @param {string} [clientId] @returns {Promise<string>} */
    issueRefreshToken: (clientId = clients[0]) => ask({ kind: 'issueRefreshToken', clientId }),
    /** @returns {Promise<Statistics>} */
    statistics: () => ask({ kind: 'statistics' }),
    /**
     * Gives a client another secret; the old one becomes invalid.
     * @param {string} clientSecret @param {string} [clientId] @returns {Promise<void>}
     */
    setSecret: (clientSecret, clientId = clients[0]) => ask({ kind: 'setSecret', clientId, clientSecret }),
    /**
     * Completes open requests, then refuses connections for the given time. Resolves when the server is back.
     * @param {number} ms @returns {Promise<void>}
     */
    away: (ms) => ask({ kind: 'away', ms }),
    close: async () => {
      child.kill('SIGKILL');
      await exited.catch(() => undefined);
    },
  };
}

/**
 * @param {{
 *   accessTokenLifeS: number,
 *   clients: Client[],
 *   keyClients: KeyClient[],
 *   services: Record<string, import('jose').JWK[]>,
 * }} options
 */
const serve = async ({ accessTokenLifeS, clients, keyClients, services }) => {
  /** @type {import('node:http').RequestListener} */
  let handle = (_request, response) => void response.writeHead(503).end();
  const http = createServer((request, response) => handle(request, response));
  await once(http.listen(0, '127.0.0.1'), 'listening');
  const { port } = /** @type {import('node:net').AddressInfo} */ (http.address());
  const issuer = `http://127.0.0.1:${port}`;

  // The library has no types of its own.
  const library = 'oidc-provider';
  const { default: Provider, errors } = await import(library);
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const resourceServer = (audience) => ({
    scope: SCOPE,
    audience,
    accessTokenFormat: 'jwt',
    accessTokenTTL: accessTokenLifeS,
    jwt: { sign: { alg: 'ES256' } },
  });
  const claimsOf = new WeakMap();
  const provider = new Provider(issuer, {
    clients: [
      ...clients.map(({ clientId, clientSecret }) => ({
        client_id: clientId,
        client_secret: clientSecret,
        grant_types: ['authorization_code', 'client_credentials', 'refresh_token', JWT_BEARER, TOKEN_EXCHANGE],
        response_types: ['code'],
        redirect_uris: ['https://client.example/callback'],
        scope: `openid offline_access ${SCOPE}`,
      })),
      ...keyClients.map(({ clientId, publicKeys }) => ({
        client_id: clientId,
        token_endpoint_auth_method: 'private_key_jwt',
        jwks: { keys: publicKeys },
        grant_types: ['client_credentials'],
        response_types: [],
        redirect_uris: [],
        scope: SCOPE,
      })),
    ],
    clientDefaults: { id_token_signed_response_alg: 'ES256' },
    jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), use: 'sig', alg: 'ES256' }] },
    scopes: ['openid', 'offline_access', ...SCOPE.split(' ')],
    rotateRefreshToken: true,
    ttl: {
      AccessToken: accessTokenLifeS,
      ClientCredentials: accessTokenLifeS,
      RefreshToken: 86_400,
      Grant: 86_400,
    },
    findAccount: (_context, accountId) => ({ accountId, claims: () => ({ sub: accountId }) }),
    extraTokenClaims: (_context, token) => claimsOf.get(token),
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => RESOURCE,
        useGrantedResource: () => true,
        getResourceServerInfo: (_context, resource) => {
          if (resource !== RESOURCE) throw new errors.InvalidTarget();
          return resourceServer(RESOURCE);
        },
      },
    },
  });

  /** @type {Statistics} */
  const statistics = { tokensIssued: 0, refusals: 0, reuses: 0, keyIds: [] };
  provider.on('grant.success', (context) => {
    statistics.tokensIssued += 1;
    const [header] = context.oidc.body.client_assertion?.split('.') ?? [];
    if (header) statistics.keyIds.push(JSON.parse(Buffer.from(header, 'base64url').toString()).kid);
  });
  provider.on('grant.error', (_context, error) => {
    statistics.refusals += 1;
    if (/already used/.test(error.error_detail)) statistics.reuses += 1;
  });
  /** @param {any} context @param {import('./further-grants.js').Issuing} issuing */
  const issue = async (context, { accountId, audience, scope, claims }) => {
    const { client } = context.oidc;
    const token = new provider.AccessToken({ accountId, client, gty: context.oidc.params.grant_type, scope });
    token.resourceServer = new provider.ResourceServer(audience, resourceServer(audience));
    claimsOf.set(token, claims);
    const value = await token.save();
    return { access_token: value, token_type: 'Bearer', expires_in: token.expiration, scope };
  };
  addFurtherGrants({
    provider,
    errors,
    services,
    ownKey: { ...publicKey.export({ format: 'jwk' }), alg: 'ES256' },
    resource: RESOURCE,
    issue,
  });
  handle = provider.callback();

  const issueRefreshToken = async (clientId) => {
    const accountId = `user-of-${clientId}`;
    const grant = new provider.Grant({ accountId, clientId });
    grant.addOIDCScope('offline_access');
    grant.addResourceScope(RESOURCE, SCOPE);
    const token = new provider.RefreshToken({
      accountId,
      client: await provider.Client.find(clientId),
      grantId: await grant.save(),
      gty: 'authorization_code',
      resource: RESOURCE,
      scope: `offline_access ${SCOPE}`,
    });
    return token.save();
  };

  const away = async (ms) => {
    const closed = once(http, 'close');
    http.close();
    // An answered connection is closed, not kept.
    const closing = setInterval(() => http.closeIdleConnections(), 5);
    await closed;
    clearInterval(closing);
    await new Promise((resolve) => setTimeout(resolve, ms));
    await once(http.listen(port, '127.0.0.1'), 'listening');
  };

  const setSecret = async (clientId, clientSecret) => {
    (await provider.Client.find(clientId)).clientSecret = clientSecret;
  };

  return { issuer, issueRefreshToken, setSecret, statistics, away };
};

if (process.argv[2] === '--serve' && process.send) {
  /** @type {Awaited<ReturnType<typeof serve>> | undefined} */
  let server;
  process.on('disconnect', () => process.exit());
  process.on('message', async (/** @type {any} */ { id, kind, options, clientId, clientSecret, ms }) => {
    const answer = async () => {
      if (kind === 'serve') return (server = await serve(options)).issuer;
      if (kind === 'away') return server?.away(ms);
      if (kind === 'setSecret') return server?.setSecret(clientId, clientSecret);
      return kind === 'statistics' ? server?.statistics : server?.issueRefreshToken(clientId);
    };
    process.send?.({ id, value: await answer() });
  });
}
