/** The children of a chaos run: twenty credentials by all grants, a ledger on each store, a token set, a break-glass. */
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { credential } from 'tokenvisor';
import { breakGlass, revocationLedger, tokenSet } from 'tokenvisor/inbound';
import {
  clientCredentials,
  fileStore,
  googleServiceAccount,
  jwtBearer,
  refreshToken,
  tokenExchange,
  tokenOf,
} from 'tokenvisor/providers';
import { lmdbStore, memoryStore, postgresStore } from 'tokenvisor/storage';
import { HANG_MS, PROBE_MS, RETRY_MS, TIMEOUT_MS } from './bounds.mjs';
import { ACCOUNT, secretOf } from './servers.mjs';

/**
 * @typedef {object} Facts what a run knows of a credential
 * @property {string} clientId at the server, and in its tokens
 * @property {'front' | 'server' | 'other' | 'own'} by whose token endpoint it asks
 * @property {boolean} singleUse
 * @property {boolean} signs its proof says what time it is
 * @property {string[]} sources whose tokens it is minted from
 * @property {number} retryMs the longest wait after a failure in a row of few
 */

/** Who is killed again and again. A restart may take long: those of half a minute count. */
export const STORMY = 'every';

/** In all that this file makes: which preload, and limits that are met soon. */
const GLASS_AND_ALL = /** @type {const} */ ([
  'revoked-memory',
  'revoked-lmdb',
  'revoked-postgres',
  'sessions',
  'glass',
]);

/** @param {string} folder @param {import('./servers.mjs').Servers} servers */
export const makeChildren = async (folder, { server, other, front, keys, ca, certificate, proxy, postgres }) => {
  /** @type {Map<string, Facts>} */
  const facts = new Map();
  /** @type {string[]} */
  const names = [];

  /** Loaded before the child's actor: says which child it is. @param {string} name */
  const common = (name) => {
    const preload = path.join(folder, `preload-${name}.mjs`);
    names.push(name);
    const recorder = JSON.stringify(new URL('recorder.mjs', import.meta.url).href);
    writeFileSync(preload, `import { record } from ${recorder};\nrecord(${names.length}, ${JSON.stringify(name)});\n`);
    return {
      execArgv: ['--require', preload],
      hangTimeoutMs: HANG_MS,
      resourceLimits: { maxOldGenerationSizeMb: 48, maxYoungGenerationSizeMb: 8 },
    };
  };

  /** @type {Record<string, import('tokenvisor').ChildSpec<import('tokenvisor').Credential>>} */
  const credentials = {};
  /**
   * @param {string} name @param {Partial<Facts>} known
   * @param {Omit<import('tokenvisor').CredentialOptions, 'provider'>} options
   * @param {import('tokenvisor').CredentialOptions['provider']} provider
   */
  const add = (name, known, options, provider) => {
    const { retryEveryMs = 30_000 } = options;
    facts.set(name, {
      ...{ clientId: name, by: 'front', singleUse: false, signs: false, sources: [] },
      ...{ retryMs: retryEveryMs },
      ...known,
    });
    credentials[name] = credential({ ...common(name), probeEveryMs: PROBE_MS, ...options, provider });
  };
  const soon = { retryEveryMs: RETRY_MS };
  const bounded = { timeoutMs: TIMEOUT_MS };
  const atFront = (/** @type {string} */ clientId) => ({
    ...{ tokenEndpoint: front.tokenEndpoint, clientId, clientSecret: secretOf(clientId), ...bounded },
  });

  // `exp` is in whole seconds: a server may refuse a token up to a second before its time. Another second is for the way.
  const early = { leadMs: 3_400, marginMs: 2_100 };
  // With the back-off that is the default.
  add('basic', {}, early, clientCredentials(atFront('basic')));
  const posting = clientCredentials({ ...atFront('post'), clientAuthentication: 'client_secret_post' });
  add('post', {}, { ...soon, ...early }, posting);
  add('lazy', {}, { ...soon, eager: false }, clientCredentials(atFront('lazy')));
  add(STORMY, {}, { ...soon, refreshEveryMs: 2_000, maxSeconds: 30 }, clientCredentials(atFront(STORMY)));
  add('rotating', {}, soon, clientCredentials(atFront('rotating')));
  add('overlapping', {}, soon, clientCredentials(atFront('overlapping')));
  add(
    'key',
    { by: 'server', signs: true },
    soon,
    clientCredentials({
      issuer: server.issuer,
      clientId: 'key',
      clientAssertion: { privateKey: keys.client.pem },
      ...bounded,
    }),
  );
  add(
    'mtls',
    { by: 'other' },
    soon,
    clientCredentials({ issuer: other.issuer, clientId: 'mtls', tls: { ca, ...certificate }, ...bounded }),
  );

  mkdirSync(path.join(folder, 'refresh'), { mode: 0o700 });
  const stores = {
    single: /** @type {const} */ ('memory'),
    stored: fileStore(path.join(folder, 'refresh', 'stored.json')),
    renewed: fileStore(path.join(folder, 'refresh', 'renewed.json')),
  };
  /** @param {keyof typeof stores} name @param {string} token */
  const single = (name, token) => refreshToken({ ...atFront(name), refreshToken: token, store: stores[name] });
  for (const name of /** @type {const} */ (['single', 'stored', 'renewed'])) {
    add(name, { singleUse: true }, soon, single(name, await server.issueRefreshToken(name)));
  }
  const reusable = await other.issueRefreshToken('reusable');
  add(
    'reusable',
    { by: 'other' },
    soon,
    refreshToken({
      ...{ issuer: other.issuer, clientId: 'reusable', clientSecret: secretOf('reusable'), tls: { ca }, ...bounded },
      ...{ refreshToken: reusable, rotation: 'reusable', store: 'memory' },
    }),
  );

  const assertion = {
    privateKey: keys.bearer.pem,
    keyId: 'b',
    issuer: 'chaos',
    subject: 'anne',
    audience: 'urn:chaos',
  };
  add('bearer', { signs: true }, soon, jwtBearer({ ...atFront('bearer'), assertion }));
  const account = path.join(folder, 'account.json');
  writeFileSync(
    account,
    JSON.stringify({
      ...{ type: 'service_account', private_key_id: 'a', private_key: keys.account.pem },
      ...{ client_email: ACCOUNT, token_uri: server.tokenEndpoint },
    }),
  );
  add(
    'google',
    { by: 'server', signs: true, clientId: 'whoever-has-no-client' },
    soon,
    googleServiceAccount({ keyFile: (await import('tokenvisor/providers')).file(account), scope: 'read', ...bounded }),
  );

  // Three of one source, and one of one of the three.
  for (const [name, source, actor] of [
    ['first', 'basic', undefined],
    ['second', 'basic', undefined],
    ['third', 'basic', 'post'],
    ['chained', 'exchange-first', undefined],
  ]) {
    add(
      `exchange-${name}`,
      { sources: [source, actor].flatMap((one) => one ?? []) },
      { ...soon, ...early },
      tokenExchange({
        ...atFront(`exchange-${name}`),
        subjectToken: tokenOf(source ?? ''),
        ...(actor && { actorToken: tokenOf(actor) }),
      }),
    );
  }

  const module = { module: pathToFileURL(path.join(import.meta.dirname, 'own-provider.mjs')), export: 'provider' };
  /** @param {string} name @param {object} more @param {object} child */
  const own = (name, more, child = soon) => {
    const options = { name, lifeMs: 4_000, filler: 0, failsOneIn: 0, ...more };
    add(name, { by: 'own' }, { ...child, options }, module);
  };
  own('own-large', { lifeMs: 5_000, filler: 30_000 }, { ...soon, eager: false });
  own('own-failing', { lifeMs: 4_000, failsOneIn: 3 });

  const store = postgresStore({
    connectionString: postgres.urlAt(proxy.port),
    statementTimeoutMs: 1_500,
    connectTimeoutMs: 1_500,
  });
  const durable = { lmdb: lmdbStore(path.join(folder, 'lmdb'), { timeoutMs: 2_000 }), postgres: store };
  const others = {
    'revoked-memory': revocationLedger({ ...common('revoked-memory'), store: memoryStore() }),
    'revoked-lmdb': revocationLedger({ ...common('revoked-lmdb'), store: durable.lmdb }),
    'revoked-postgres': revocationLedger({ ...common('revoked-postgres'), store }),
    sessions: tokenSet(common('sessions')),
    glass: breakGlass(common('glass')),
  };
  return {
    /** In the order of their orders: the first has 1. */
    names,
    facts,
    others: GLASS_AND_ALL,
    specs: { ...credentials, ...others },
    /** The stores as they are after the run, in another supervisor. */
    durable,
    /** A single-use credential that is authorised anew. */
    authorisedAnew: async (/** @type {keyof typeof stores} */ name) => ({
      provider: single(name, await server.issueRefreshToken(name)),
    }),
    /** A credential with another secret. */
    withSecret: (/** @type {string} */ clientId, /** @type {string} */ clientSecret) => ({
      provider: clientCredentials({ ...atFront(clientId), clientSecret }),
    }),
  };
};
