/**
 * A real OAuth authorization server (oidc-provider) in a process of its own, for tests and for the demo.
 *
 * It issues access tokens by client credentials, and by refresh tokens that are single-use with reuse detection. Access
 * tokens are JWTs (RFC 9068), to be verified with the keys at `jwksUrl`. There is no browser: `issueRefreshToken` does
 * what a consent screen would have led to. The process ends with the one that started it.
 *
 * @example
 * const server = await startAuthorizationServer({ accessTokenTtlS: 8 });
 * const token = await server.issueRefreshToken('mobile');
 * await server.away(900);
 * await server.close();
 */
import { fork } from 'node:child_process';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';

/**
 * @typedef {object} ClientOptions
 * @property {string} clientId
 * @property {string} [clientSecret] none: a public client
 * @property {'client_secret_basic' | 'client_secret_post' | 'none'} [authentication] default: by whether there is a secret
 * @property {string[]} [grants] `client_credentials` and `refresh_token` by default; without a secret only the latter
 *
 * @typedef {object} ServerOptions
 * @property {number} [accessTokenTtlS] seconds; default 8
 * @property {'single-use' | 'reusable'} [rotation] of refresh tokens; default `single-use`
 * @property {string} [resource] the one resource that tokens are for: their audience
 * @property {string} [scope] what the resource offers, space-separated
 * @property {ClientOptions[]} [clients] default: see `defaultClients`
 * @property {number} [port] default: one that is free
 *
 * @typedef {object} Disturbance what becomes of answers of the token endpoint. The request is carried out with `lose`
 *   (the connection is cut in place of the answer), `delay` and `hold` (the answer waits until `release()`); it is not
 *   with `drop` (the connection is cut) and `status` (answered instead)
 * @property {'lose' | 'delay' | 'hold' | 'drop' | 'status'} kind
 * @property {number} [ms] with `delay`
 * @property {number} [status] with `status`
 * @property {Record<string, string>} [headers] with `status`
 * @property {object} [body] with `status`: sent as JSON
 * @property {number} [times] how many answers; default 1
 * @property {string} [clientId] only for this client
 *
 * @typedef {object} ServerStats counted since the start
 * @property {number} tokenRequests requests to the token endpoint
 * @property {number} withBasic those of them that had an Authorization header, at their arrival
 * @property {number} tokensIssued
 * @property {number} refusals
 * @property {number} reuses single-use refresh tokens that came a second time
 * @property {number} revokedGrants grants that were revoked, because of a reuse
 * @property {Record<string, { requests: number, issued: number, refused: number } | undefined>} byClient
 *
 * @typedef {object} AuthorizationServer
 * @property {string} issuer
 * @property {string} url the same, for those who don't ask for metadata
 * @property {string} tokenEndpoint
 * @property {string} jwksUrl
 * @property {string} resource the `aud` of every access token
 * @property {Required<ClientOptions>[]} clients
 * @property {number} pid
 * @property {(clientId: string) => Promise<string>} issueRefreshToken
 * @property {() => Promise<ServerStats>} stats
 * @property {(ms: number) => Promise<void>} away closes the port and cuts all connections; resolves when it is back
 * @property {() => Promise<void>} leave as `away`, until `comeBack`
 * @property {() => Promise<void>} comeBack
 * @property {(disturbance: Disturbance) => Promise<void>} disturb
 * @property {() => Promise<void>} release lets the answers go that are held, and disturbs no more
 * @property {() => Promise<void>} close
 */

/**
 * The clients of a server that is not told which.
 * @type {ClientOptions[]}
 */
export const defaultClients = [
  { clientId: 'reports', clientSecret: 'reports-secret-4711' },
  { clientId: 'billing', clientSecret: 'billing-secret:with/odd+chars %', authentication: 'client_secret_post' },
  { clientId: 'mail', clientSecret: 'mail-secret-4711' },
  { clientId: 'mobile' },
];

const isChild = process.send !== undefined && process.argv[2] === '--authorization-server';

/**
 * Starts a server; resolves when it listens.
 * @param {ServerOptions} [options]
 * @returns {Promise<AuthorizationServer>}
 */
export async function startAuthorizationServer(options = {}) {
  const child = fork(fileURLToPath(import.meta.url), ['--authorization-server'], {
    env: { ...process.env, NODE_NO_WARNINGS: '1', AUTHORIZATION_SERVER: JSON.stringify(options) },
    execArgv: [],
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  let errors = '';
  child.stderr?.setEncoding('utf8').on('data', (text) => (errors = (errors + text).slice(-4_000)));

  /** @type {Map<number, { resolve: (value: any) => void, reject: (error: Error) => void }>} */
  const pending = new Map();
  let lastId = 0;
  let exited = false;
  child.on('message', (/** @type {any} */ { id, value, error }) => {
    const waiter = pending.get(id);
    pending.delete(id);
    if (error === undefined) waiter?.resolve(value);
    else waiter?.reject(new Error(error));
  });
  const gone = new Promise((resolve) => {
    child.once('exit', () => {
      exited = true;
      for (const { reject } of pending.values()) reject(new Error(`The authorization server has ended\n${errors}`));
      pending.clear();
      resolve(undefined);
    });
  });

  /** @type {(command: string, argument?: unknown) => Promise<any>} */
  const ask = (command, argument) =>
    new Promise((resolve, reject) => {
      if (exited) return reject(new Error(`The authorization server has ended\n${errors}`));
      const id = ++lastId;
      pending.set(id, { resolve, reject });
      child.send({ id, command, argument });
    });

  const facts = await ask('start');
  return {
    ...facts,
    pid: child.pid,
    issueRefreshToken: (clientId) => ask('issueRefreshToken', clientId),
    stats: () => ask('stats'),
    away: (ms) => ask('away', ms),
    leave: () => ask('leave'),
    comeBack: () => ask('comeBack'),
    disturb: (disturbance) => ask('disturb', disturbance),
    release: () => ask('release'),
    close: async () => {
      child.kill('SIGKILL');
      await gone;
    },
  };
}

/**
 * The server itself, in the process that was forked.
 * @param {ServerOptions} options
 */
async function serve(options) {
  const { accessTokenTtlS = 8, rotation = 'single-use', resource = 'urn:example:api', scope = 'read write' } = options;
  const clients = (options.clients ?? defaultClients).map((client) => {
    const { clientId, clientSecret = '' } = client;
    const authentication = client.authentication ?? (clientSecret === '' ? 'none' : 'client_secret_basic');
    const grants = client.grants ?? [...(clientSecret === '' ? [] : ['client_credentials']), 'refresh_token'];
    return { clientId, clientSecret, authentication, grants };
  });

  /** @type {(request: import('node:http').IncomingMessage, response: import('node:http').ServerResponse) => void} */
  let handle = (_request, response) => void response.writeHead(503).end();
  const http = createServer((request, response) => handle(request, response));
  await listen(http, options.port ?? 0);
  const { port } = /** @type {import('node:net').AddressInfo} */ (http.address());
  const issuer = `http://127.0.0.1:${port}`;

  const { generateKeyPairSync } = await import('node:crypto');
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  // It has no types; and its name in a variable keeps bundlers and the compiler from looking for some.
  const library = 'oidc-provider';
  const { default: Provider, errors } = await import(library);
  /** @type {any} */
  const provider = new Provider(issuer, {
    clients: clients.map(({ clientId, clientSecret, authentication, grants }) => ({
      client_id: clientId,
      ...(clientSecret === '' ? {} : { client_secret: clientSecret }),
      token_endpoint_auth_method: authentication,
      // A client with refresh tokens has got them by a code, so it must be able to.
      grant_types: grants.includes('refresh_token') ? ['authorization_code', ...grants] : grants,
      response_types: grants.includes('refresh_token') ? ['code'] : [],
      redirect_uris: grants.includes('refresh_token') ? ['https://client.example/callback'] : [],
      scope: `openid offline_access ${scope}`,
    })),
    clientDefaults: { id_token_signed_response_alg: 'ES256' },
    jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), use: 'sig', alg: 'ES256' }] },
    // No client may have `admin`: to see how that is refused.
    scopes: ['openid', 'offline_access', 'admin', ...scope.split(' ')],
    rotateRefreshToken: rotation === 'single-use',
    ttl: { AccessToken: accessTokenTtlS, ClientCredentials: accessTokenTtlS, RefreshToken: 86_400, Grant: 86_400 },
    findAccount: (/** @type {unknown} */ _context, /** @type {string} */ accountId) => ({
      accountId,
      claims: () => ({ sub: accountId }),
    }),
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => resource,
        useGrantedResource: () => true,
        getResourceServerInfo: (/** @type {unknown} */ _context, /** @type {string} */ indicator) => {
          if (indicator !== resource) throw new errors.InvalidTarget();
          return {
            scope,
            audience: resource,
            accessTokenFormat: 'jwt',
            accessTokenTTL: accessTokenTtlS,
            jwt: { sign: { alg: 'ES256' } },
          };
        },
      },
    },
  });

  const stats = countersOf(provider, clients);
  /** @type {(Disturbance & { left: number })[]} */
  const disturbances = [];
  /** @type {((value?: unknown) => void)[]} */
  const held = [];
  provider.use(async (/** @type {any} */ context, /** @type {() => Promise<void>} */ next) => {
    if (context.path !== '/token') return next();
    if (context.headers.authorization !== undefined) stats.withBasic += 1;
    const clientId = clientIdOf(context.headers.authorization);
    const index = disturbances.findIndex((one) => one.clientId === undefined || one.clientId === clientId);
    const disturbance = disturbances[index];
    if (disturbance !== undefined && --disturbance.left === 0) disturbances.splice(index, 1);
    if (disturbance?.kind === 'status' || disturbance?.kind === 'drop') stats.tokenRequests += 1;
    if (disturbance?.kind === 'status') {
      context.status = disturbance.status ?? 503;
      context.set(disturbance.headers ?? {});
      context.body = disturbance.body ?? '';
      return;
    }
    if (disturbance?.kind !== 'drop') await next();
    if (disturbance?.kind === 'delay') await new Promise((resolve) => setTimeout(resolve, disturbance.ms ?? 1_000));
    if (disturbance?.kind === 'hold') await new Promise((resolve) => held.push(resolve));
    if (disturbance?.kind === 'lose' || disturbance?.kind === 'drop') {
      context.respond = false;
      context.req.socket.destroy();
    }
  });
  handle = provider.callback();

  const leave = async () => {
    const closed = new Promise((resolve) => http.close(resolve));
    http.closeAllConnections();
    await closed;
  };

  /** @type {Record<string, (argument: any) => unknown>} */
  const commands = {
    start: () => ({
      issuer,
      url: issuer,
      tokenEndpoint: `${issuer}/token`,
      jwksUrl: `${issuer}/jwks`,
      resource,
      clients,
    }),
    stats: () => stats,
    disturb: (/** @type {Disturbance} */ disturbance) => {
      disturbances.push({ ...disturbance, left: disturbance.times ?? 1 });
    },
    issueRefreshToken: (/** @type {string} */ clientId) => issueRefreshToken(provider, clientId, resource, scope),
    away: async (/** @type {number} */ ms) => {
      await leave();
      await new Promise((resolve) => setTimeout(resolve, ms));
      await listen(http, port);
    },
    leave,
    comeBack: () => listen(http, port),
    release: () => {
      disturbances.length = 0;
      for (const resolve of held.splice(0)) resolve();
    },
  };
  /** @type {(message: any) => Promise<void>} */
  const obey = async ({ id, command, argument }) => {
    try {
      process.send?.({ id, value: await commands[command]?.(argument) });
    } catch (error) {
      process.send?.({ id, error: String(/** @type {Error} */ (error).stack) });
    }
  };
  process.on('message', (message) => void obey(message));
}

/**
 * Counts by the events of the provider.
 * @param {any} provider
 * @param {{ clientId: string }[]} clients
 */
function countersOf(provider, clients) {
  /** @type {ServerStats} */
  const stats = {
    tokenRequests: 0,
    withBasic: 0,
    tokensIssued: 0,
    refusals: 0,
    reuses: 0,
    revokedGrants: 0,
    byClient: {},
  };
  for (const { clientId } of clients) stats.byClient[clientId] = { requests: 0, issued: 0, refused: 0 };
  /** @type {(context: any) => { requests: number, issued: number, refused: number }} */
  const entryOf = (context) => {
    const clientId = context.oidc?.client?.clientId ?? 'unknown';
    return (stats.byClient[clientId] ??= { requests: 0, issued: 0, refused: 0 });
  };
  provider.on('grant.success', (/** @type {any} */ context) => {
    stats.tokenRequests += 1;
    stats.tokensIssued += 1;
    entryOf(context).requests += 1;
    entryOf(context).issued += 1;
  });
  provider.on('grant.error', (/** @type {any} */ context, /** @type {any} */ error) => {
    stats.tokenRequests += 1;
    stats.refusals += 1;
    entryOf(context).requests += 1;
    entryOf(context).refused += 1;
    if (String(error.error_detail).includes('already used')) stats.reuses += 1;
  });
  provider.on('grant.revoked', () => (stats.revokedGrants += 1));
  return stats;
}

/**
 * A refresh token as an authorization code would have led to.
 * @param {any} provider
 * @param {string} clientId
 * @param {string} resource
 * @param {string} scope
 * @returns {Promise<string>}
 */
async function issueRefreshToken(provider, clientId, resource, scope) {
  const client = await provider.Client.find(clientId);
  if (client === undefined) throw new Error(`There is no client ${clientId}`);
  const accountId = `user-of-${clientId}`;
  const grant = new provider.Grant({ accountId, clientId });
  grant.addOIDCScope('offline_access');
  grant.addResourceScope(resource, scope);
  const grantId = await grant.save();
  const refreshToken = new provider.RefreshToken({
    accountId,
    client,
    grantId,
    gty: 'authorization_code',
    resource,
    scope: `offline_access ${scope}`,
  });
  return refreshToken.save();
}

/**
 * Who asks with client_secret_basic; undefined for others.
 * @param {string | undefined} authorization
 */
function clientIdOf(authorization) {
  const encoded = /^basic (.*)$/i.exec(authorization ?? '')?.[1];
  if (encoded === undefined) return undefined;
  return decodeURIComponent(Buffer.from(encoded, 'base64').toString().split(':')[0] ?? '');
}

/**
 * @param {import('node:http').Server} http
 * @param {number} port
 */
function listen(http, port) {
  return new Promise((resolve, reject) => {
    http.once('error', reject);
    http.listen(port, '127.0.0.1', () => resolve(undefined));
  });
}

if (isChild) {
  process.on('disconnect', () => process.exit(0));
  await serve(JSON.parse(process.env['AUTHORIZATION_SERVER'] ?? '{}'));
}
