/**
 * Ways to have a fresh token, each as its documentation says to use it. Leads are the same, a quarter of the life, because
 * some defaults are longer than these tokens live.
 *
 * @typedef {import('tokenvisor').TransferableHandle<'credential'>} Handle
 * @typedef {{ get: () => string | Promise<string>, close: () => unknown, handle?: () => Handle }} Peer
 * `retryEveryMs` is for ours alone.
 * @typedef {{ url: string, lifeS: number, handle?: Handle | undefined, retryEveryMs?: number | undefined }} PeerOptions
 */
import { CLIENT } from './client.mjs';

/** @param {number} lifeS */
const leadMs = (lifeS) => (lifeS * 1_000) / 4;

/**
 * A mint as each of those who have no HTTP of their own would write it.
 *
 * @param {string} url @returns {Promise<{ value: string, expiresAtMs: number }>}
 */
const mint = async (url) => {
  const sentAtMs = Date.now();
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({
      grant_type: 'client_credentials',
      client_id: CLIENT.clientId,
      client_secret: CLIENT.clientSecret,
    }),
  });
  if (!response.ok) throw new Error(`the status ${response.status}`);
  const { access_token: value, expires_in: lifeS } = /** @type {any} */ (await response.json());
  return { value, expiresAtMs: sentAtMs + lifeS * 1_000 };
};

/** @type {Readonly<Record<string, (options: PeerOptions) => Promise<Peer>>>} */
const PEERS = {
  tokenvisor: async ({ url, handle, retryEveryMs }) => {
    const { attach, credential, startSupervisor } = await import('tokenvisor');
    const { clientCredentials } = await import('tokenvisor/providers');
    if (handle) {
      const api = attach(handle);
      return { get: () => api.current().value, close: () => undefined };
    }
    const supervisor = await startSupervisor({
      api: credential({
        provider: clientCredentials({ tokenEndpoint: url, ...CLIENT }),
        ...(retryEveryMs !== undefined && { retryEveryMs }),
      }),
    });
    supervisor.on('event', () => undefined);
    await supervisor.ready();
    const { api } = supervisor.children;
    return { get: () => api.current().value, close: () => supervisor.close(), handle: () => api.handle() };
  },

  'setInterval refresher': async ({ url, lifeS }) => {
    let { value } = await mint(url);
    const timer = setInterval(
      () =>
        void mint(url).then(
          (token) => ({ value } = token),
          () => undefined,
        ),
      lifeS * 1_000 - leadMs(lifeS),
    );
    return { get: () => value, close: () => clearInterval(timer) };
  },

  'google-auth-library': async ({ url, lifeS }) => {
    const { OAuth2Client } = await import('google-auth-library');
    const client = new OAuth2Client({
      ...CLIENT,
      endpoints: { oauth2TokenUrl: url },
      eagerRefreshThresholdMillis: leadMs(lifeS),
    });
    client.setCredentials({ refresh_token: CLIENT.clientSecret });
    return { get: async () => (await client.getAccessToken()).token ?? '', close: () => undefined };
  },

  'smithy memoize': async ({ url, lifeS }) => {
    const { memoize } = await import('@smithy/property-provider');
    const provide = memoize(
      () => mint(url),
      ({ expiresAtMs }) => expiresAtMs - Date.now() < leadMs(lifeS),
      () => true,
    );
    return { get: async () => (await provide()).value, close: () => undefined };
  },

  'lru-cache fetch': async ({ url, lifeS }) => {
    const { LRUCache } = await import('lru-cache');
    /** @type {import('lru-cache').LRUCache<string, string>} */
    const cache = new LRUCache({
      max: 10,
      fetchMethod: async (_key, _stale, { options }) => {
        const { value, expiresAtMs } = await mint(url);
        options.ttl = Math.max(1, expiresAtMs - leadMs(lifeS) - Date.now());
        return value;
      },
    });
    return { get: async () => (await cache.fetch('api')) ?? '', close: () => undefined };
  },
};

export const PEER_NAMES = Object.keys(PEERS);

/** One that has its first token. @param {string} name @param {PeerOptions} options */
export const startPeer = async (name, options) => {
  const start = PEERS[name];
  if (!start) throw new RangeError(`Expected a peer among ${PEER_NAMES.join(', ')}, got '${name}'`);
  const peer = await start(options);
  await peer.get();
  return peer;
};
