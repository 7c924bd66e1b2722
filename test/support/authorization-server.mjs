/**
 * A real OAuth authorization server (oidc-provider) in a process of its own, for tests and for the demo.
 *
 * It issues access tokens by client credentials, by refresh tokens that are single-use with reuse detection, by
 * assertions (RFC 7523) and in exchange for tokens (RFC 8693). Access tokens are JWTs (RFC 9068), to be verified with the
 * keys at `jwksUrl`. There is no browser: `issueRefreshToken` does what a consent screen would have led to. The process
 * ends with the one that started it.
 *
 * @example
 * const server = await startAuthorizationServer({ accessTokenTtlS: 8 });
 * const token = await server.issueRefreshToken('mobile');
 * await server.away(900);
 * await server.close();
 */
import { fork } from 'node:child_process';
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { fileURLToPath } from 'node:url';
import { askProcess } from './ask-process.mjs';
import { clientOf, issueRefreshToken, metadataOf, mutualTls, NO_CLIENT } from './authorization-clients.mjs';
import { JWT_BEARER, registerGrants } from './authorization-grants.mjs';
import { clientIdOf, countersOf, describeRequest, noteAnswer, readForm } from './authorization-requests.mjs';

/**
 * @typedef {object} ClientOptions
 * @property {string} clientId
 * @property {string} [clientSecret] none: a public client
 * @property {'client_secret_basic' | 'client_secret_post' | 'private_key_jwt' | 'tls_client_auth' |
 *   'self_signed_tls_client_auth' | 'none'} [authentication] default: by whether there is a secret
 * @property {string[]} [grants] `client_credentials` and `refresh_token` by default; with `none` only the latter
 * @property {object[]} [keys] its public keys as JWKs; of a certificate that it has signed itself, with `x5c`
 * @property {string} [certificateName] with `tls_client_auth`: the DNS name in its certificate
 *
 * @typedef {object} TrustedIssuer whose assertions buy tokens by the JWT bearer grant
 * @property {string} issuer
 * @property {object[]} keys public JWKs
 * @property {string[]} subjects who it may speak for
 * @property {string[]} [audiences] what `aud` may be: the issuer and the token endpoint by default
 * @property {Record<string, unknown>} [claims] what else must be in an assertion
 * @property {boolean} [google] as Google has it: the scope is a claim, `sub` and `jti` need not be there
 *
 * @typedef {object} ServerOptions
 * @property {number} [accessTokenTtlS] seconds; default 8
 * @property {'single-use' | 'reusable'} [rotation] of refresh tokens; default `single-use`
 * @property {string} [resource] the one resource that tokens are for: their audience
 * @property {string} [scope] what the resource offers, space-separated
 * @property {ClientOptions[]} [clients] default: see `defaultClients`
 * @property {number} [port] default: one that is free
 * @property {TrustedIssuer[]} [trusted]
 * @property {boolean} [withoutClient] admits the JWT bearer grant without a client
 * @property {{ cert: string, key: string, clientCa: string }} [tls] speaks TLS, and at a second port, which its metadata
 *   names (RFC 8705 §5), asks clients for certificates
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
 * @typedef {{ iss: string, sub: string, aud: string, jti: string, iat: number, exp: number, [claim: string]: unknown }} Claims
 *
 * @typedef {object} SeenTokenRequest one at the token endpoint, without secrets; of JWTs, what they say
 * @property {number} atMs
 * @property {string | null} grantType
 * @property {string | null} clientId
 * @property {string[]} parameters the names
 * @property {number} port where it came in
 * @property {{ header: object, payload: Claims } | undefined} clientAssertion
 * @property {{ header: object, payload: Claims } | undefined} assertion
 * @property {Claims | undefined} subjectToken
 * @property {Claims | undefined} actorToken
 * @property {number} [status]
 * @property {Claims} [issued]
 * @property {string} [error]
 * @property {string} [detail] of the refusal, which the client is not told
 *
 * @typedef {object} AuthorizationServer
 * @property {string} issuer
 * @property {string} url the same, for those who don't ask for metadata
 * @property {string} tokenEndpoint
 * @property {string} jwksUrl
 * @property {number | null} mtlsPort
 * @property {string} resource the `aud` of every access token
 * @property {Required<ClientOptions>[]} clients
 * @property {number} pid
 * @property {(clientId: string) => Promise<string>} issueRefreshToken
 * @property {(clientId: string, clientSecret: string) => Promise<void>} setSecret of a client; the one before is no good any more
 * @property {() => Promise<ServerStats>} stats
 * @property {() => Promise<SeenTokenRequest[]>} seen the last requests that were answered, the oldest first
 * @property {(issuers: TrustedIssuer[]) => Promise<void>} trust instead of those before
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
const defaultClients = [
  { clientId: 'reports', clientSecret: 'reports-secret-4711' },
  { clientId: 'billing', clientSecret: 'billing-secret:with/odd+chars %', authentication: 'client_secret_post' },
  { clientId: 'mail', clientSecret: 'mail-secret-4711' },
  { clientId: 'mobile' },
];

/** Of the key that signs access tokens. */
const KEY_ID = 'own-key';

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
  const { ask: askAny, gone } = askProcess(child, 'The authorization server');
  /** @type {(command: string, argument?: unknown) => Promise<any>} */
  const ask = (command, argument) => askAny({ command, argument });

  const facts = await ask('start');
  return {
    ...facts,
    pid: child.pid,
    issueRefreshToken: (clientId) => ask('issueRefreshToken', clientId),
    setSecret: (clientId, clientSecret) => ask('setSecret', { clientId, clientSecret }),
    stats: () => ask('stats'),
    seen: () => ask('seen'),
    trust: (issuers) => ask('trust', issuers),
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
  const clients = (options.clients ?? defaultClients).map(clientOf);
  const noClient = clientOf({ clientId: NO_CLIENT, authentication: 'none', grants: [JWT_BEARER] });
  let { trusted = [] } = options;

  /** @type {(request: import('node:http').IncomingMessage, response: import('node:http').ServerResponse) => void} */
  let handle = (_request, response) => void response.writeHead(503).end();
  const { tls } = options;
  const http = tls
    ? createTlsServer({ cert: tls.cert, key: tls.key }, (request, response) => handle(request, response))
    : createServer((request, response) => handle(request, response));
  const mtls =
    tls &&
    createTlsServer(
      // Whether a certificate is good is for the provider to say: some are signed by those who show them.
      { cert: tls.cert, key: tls.key, ca: tls.clientCa, requestCert: true, rejectUnauthorized: false },
      (request, response) => handle(request, response),
    );
  await listen(http, options.port ?? 0);
  if (mtls) await listen(mtls, 0);
  const { port } = /** @type {import('node:net').AddressInfo} */ (http.address());
  const mtlsPort = /** @type {import('node:net').AddressInfo | undefined} */ (mtls?.address())?.port;
  const issuer = `${tls ? 'https' : 'http'}://127.0.0.1:${port}`;

  const { generateKeyPairSync } = await import('node:crypto');
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  // It has no types; and its name in a variable keeps bundlers and the compiler from looking for some.
  const library = 'oidc-provider';
  const { default: Provider, errors } = await import(library);
  const infoOf = (/** @type {string} */ audience) => ({
    scope,
    audience,
    accessTokenFormat: 'jwt',
    accessTokenTTL: accessTokenTtlS,
    jwt: { sign: { alg: 'ES256' } },
  });
  /** @type {any} */
  const provider = new Provider(issuer, {
    clients: [...clients, ...(options.withoutClient ? [noClient] : [])].map((client) => metadataOf(client, scope)),
    clientDefaults: { id_token_signed_response_alg: 'ES256' },
    clientAuthMethods: [
      ...['client_secret_basic', 'client_secret_post', 'private_key_jwt', 'none'],
      ...(tls ? ['tls_client_auth', 'self_signed_tls_client_auth'] : []),
    ],
    enabledJWA: { clientAuthSigningAlgValues: ['RS256', 'PS256', 'ES256', 'ES384', 'ES512', 'EdDSA'] },
    jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), use: 'sig', alg: 'ES256', kid: KEY_ID }] },
    // No client may have `admin`: to see how that is refused.
    scopes: ['openid', 'offline_access', 'admin', ...scope.split(' ')],
    rotateRefreshToken: rotation === 'single-use',
    ttl: { AccessToken: accessTokenTtlS, ClientCredentials: accessTokenTtlS, RefreshToken: 86_400, Grant: 86_400 },
    findAccount: (/** @type {unknown} */ _context, /** @type {string} */ accountId) => ({
      accountId,
      claims: () => ({ sub: accountId }),
    }),
    extraTokenClaims: (/** @type {any} */ context) => ({
      ...(context?.state.act && { act: context.state.act }),
      // `iat` is in whole seconds.
      minted_ms: Date.now(),
    }),
    ...(mtls && { discovery: { mtls_endpoint_aliases: { token_endpoint: `https://127.0.0.1:${mtlsPort}/token` } } }),
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      ...(mtls && { mTLS: mutualTls }),
      resourceIndicators: {
        enabled: true,
        defaultResource: () => resource,
        useGrantedResource: () => true,
        getResourceServerInfo: (/** @type {unknown} */ _context, /** @type {string} */ indicator) => {
          if (indicator !== resource) throw new errors.InvalidTarget();
          return infoOf(resource);
        },
      },
    },
  });
  await registerGrants(provider, errors, {
    ...{ issuer, tokenEndpoint: `${issuer}/token`, resource, scope, infoOf },
    keys: [{ ...publicKey.export({ format: 'jwk' }), kid: KEY_ID }],
    trusted: () => trusted,
  });

  const stats = countersOf(provider, clients);
  /** @type {SeenTokenRequest[]} */
  const seen = [];
  /** @type {(Disturbance & { left: number })[]} */
  const disturbances = [];
  /** @type {((value?: unknown) => void)[]} */
  const held = [];
  provider.use(async (/** @type {any} */ context, /** @type {() => Promise<void>} */ next) => {
    if (context.path !== '/token') return next();
    const form = await readForm(context);
    const request = describeRequest(context, form);
    if (options.withoutClient && request.clientId === null && request.grantType === JWT_BEARER) {
      form.set('client_id', NO_CLIENT);
      context.req.body = form.toString();
    }
    if (context.headers.authorization !== undefined) stats.withBasic += 1;
    const clientId = clientIdOf(context.headers.authorization) ?? form.get('client_id') ?? undefined;
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
    if (disturbance?.kind !== 'drop') {
      await next();
      noteAnswer(seen, request, context);
    }
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
      mtlsPort: mtlsPort ?? null,
      resource,
      clients,
    }),
    stats: () => stats,
    seen: () => seen,
    trust: (/** @type {TrustedIssuer[]} */ issuers) => void (trusted = issuers),
    disturb: (/** @type {Disturbance} */ disturbance) => {
      disturbances.push({ ...disturbance, left: disturbance.times ?? 1 });
    },
    issueRefreshToken: (/** @type {string} */ clientId) => issueRefreshToken(provider, clientId, resource, scope),
    setSecret: async (/** @type {{ clientId: string, clientSecret: string }} */ { clientId, clientSecret }) => {
      (await provider.Client.find(clientId)).clientSecret = clientSecret;
    },
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
