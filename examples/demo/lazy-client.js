// @ts-check
/** The second peer: a client that refreshes lazily, when a request meets a token that is about to expire. */
import { LEAD_MS } from './parameters.js';
import { createTokenRequest } from './token-request.js';

const RETRY_MS = 500;

/**
 * In its best form: the first token is waited for at start, requests share the refresh in flight, and one that fails is
 * forgiven for as long as the old token is good.
 *
 * @param {import('./parameters.js').Setup} setup
 * @param {import('./measures.js').Measures} measures
 * @param {number} thread
 * @returns {Promise<import('./reading.js').TokenSource>}
 */
export const fromLazyClient = async (setup, measures, thread) => {
  /** @param {import('./parameters.js').CredentialName} credential */
  const open = async (credential) => {
    const request = createTokenRequest(setup, measures, credential, thread);
    let token = await request();
    /** @type {Promise<void> | undefined} */
    let refreshing;
    let retryAtMs = 0;

    const refresh = async () => {
      try {
        token = await request();
      } catch (error) {
        retryAtMs = Date.now() + RETRY_MS;
        if (Date.now() >= token.expiresAtMs) throw error;
      } finally {
        refreshing = undefined;
      }
    };
    return async () => {
      const leftMs = token.expiresAtMs - Date.now();
      if (leftMs > LEAD_MS || (leftMs > 0 && Date.now() < retryAtMs)) return token;
      await (refreshing ??= refresh());
      return token;
    };
  };

  const [reports, mail, billing] = await Promise.all([open('reports'), open('mail'), open('billing')]);
  const clients = { reports, mail, billing };
  return { take: (credential) => clients[credential]() };
};
