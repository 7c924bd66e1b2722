// @ts-check
/** The first peer: setInterval refreshes ahead of expiry, and requests read the stored token. */
import { LEAD_MS, LIFE_S } from './parameters.js';
import { createTokenRequest } from './token-request.js';

const RETRY_MS = 500;

/**
 * In its best form: the first token is waited for at start, a failed refresh keeps the old token and is tried again
 * soon, and no two refreshes overlap.
 *
 * @param {import('./parameters.js').Setup} setup
 * @param {import('./measures.js').Measures} measures
 * @param {number} thread
 * @returns {Promise<import('./reading.js').TokenSource>}
 */
export const fromInterval = async (setup, measures, thread) => {
  /** @param {import('./parameters.js').CredentialName} credential */
  const keep = async (credential) => {
    const request = createTokenRequest(setup, measures, credential, thread);
    let token = await request();
    let busy = false;
    /** @type {NodeJS.Timeout | undefined} */
    let retry;
    const refresh = async () => {
      if (busy) return;
      busy = true;
      clearTimeout(retry);
      try {
        token = await request();
      } catch {
        retry = setTimeout(refresh, RETRY_MS).unref();
      }
      busy = false;
    };
    setInterval(refresh, LIFE_S * 1_000 - LEAD_MS).unref();
    return () => token;
  };

  const [reports, mail, billing] = await Promise.all([keep('reports'), keep('mail'), keep('billing')]);
  const refreshers = { reports, mail, billing };
  return { take: (credential) => refreshers[credential]() };
};
