// @ts-check
/** The token request of the two peers, by fetch, with one client per thread. */
import { SINGLE_USE } from './parameters.js';

const TIMEOUT_MS = 10_000;

/**
 * Asks for one token after the other. Two threads without coordination can't share a single-use refresh
 * token: each has its own authorisation.
 *
 * @param {import('./parameters.js').Setup} setup
 * @param {import('./measures.js').Measures} measures
 * @param {import('./parameters.js').CredentialName} credential
 * @param {number} thread
 */
export const createTokenRequest = ({ issuer, clients, refreshTokens }, measures, credential, thread) => {
  const { clientId, clientSecret } = clients[credential];
  const authorization = `Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString('base64')}`;
  let refreshToken = refreshTokens[thread] ?? '';
  let minted = false;

  return async () => {
    const parameters =
      credential === SINGLE_USE
        ? { grant_type: 'refresh_token', refresh_token: refreshToken }
        : { grant_type: 'client_credentials', scope: 'read' };
    const sentAtMs = Date.now();
    const answer = await fetch(`${issuer}/token`, {
      method: 'POST',
      headers: { authorization },
      body: new URLSearchParams(parameters),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    if (!answer.ok) throw new Error(`The token endpoint answered ${answer.status}`);
    const {
      access_token: value,
      expires_in: expiresInS,
      refresh_token: next,
    } = /** @type {any} */ (await answer.json());
    refreshToken = next ?? refreshToken;
    measures.count('mints');
    if (minted) measures.count('refreshes');
    minted = true;
    return { value, authorization: `Bearer ${value}`, expiresAtMs: sentAtMs + expiresInS * 1_000 };
  };
};
