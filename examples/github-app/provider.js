// @ts-check
/**
 * Installation tokens of a GitHub App. The app signs a JWT with its private key, and GitHub gives a token for one
 * installation in return, which lives for an hour.
 *
 * This runs in the credential's own thread. It signs with node:crypto, synchronously: WebCrypto would wait for libuv's pool.
 */
import { createPrivateKey, sign } from 'node:crypto';
import { ProviderError } from 'tokenvisor/providers';

/**
 * @typedef {object} GitHubAppOptions
 * @property {string} appId the app's client ID, or its app ID
 * @property {number} installationId
 * @property {import('tokenvisor/providers').SecretReference} privateKey the PEM file that GitHub made
 * @property {string} [baseUrl] of GitHub Enterprise Server: `https://HOST/api/v3`; `https://api.github.com` by default
 * @property {string[]} [repositories] names; all of the installation by default
 * @property {Record<string, string>} [permissions] `{ contents: 'read' }`; all that the app has by default
 */

/** GitHub takes a JWT for at most 10 minutes; the rest is for clocks that differ. */
const JWT_LIFE_S = 540;
const CLOCK_DRIFT_S = 60;

/** The default wait by GitHub's documentation. */
const RATE_LIMIT_WAIT_MS = 60_000;

/** The problem to fix at GitHub, by status. @type {Readonly<Record<number, string>>} */
const PARKING = {
  403: 'the installation is suspended, or the app may not ask for this',
  404: 'the app has no such installation',
  422: 'the installation has not these repositories or permissions',
};

/** @type {import('tokenvisor/providers').ProviderFunction<GitHubAppOptions>} */
const mint = async ({ options, secret, request, now }) => {
  const { appId, installationId, privateKey, repositories, permissions } = options;
  const { baseUrl = 'https://api.github.com' } = options;
  const answer = await request(`${baseUrl}/app/installations/${installationId}/access_tokens`, {
    method: 'POST',
    headers: {
      accept: 'application/vnd.github+json',
      authorization: `Bearer ${signJwt(appId, secret(privateKey), now())}`,
      'content-type': 'application/json',
      'user-agent': 'tokenvisor', // GitHub refuses requests without one.
      'x-github-api-version': '2022-11-28',
    },
    body: JSON.stringify({ repositories, permissions }),
  });
  if (answer.status !== 201) throw failureOf(answer, now());
  const { token, expires_at, ...granted } = /** @type {any} */ (answer.json());
  return {
    value: token,
    expiresAtMs: Date.parse(expires_at),
    fields: {
      permissions: granted.permissions ?? {},
      // There only if the token is for some of the installation's repositories.
      repositories: granted.repositories?.map((/** @type {any} */ { full_name }) => full_name) ?? null,
    },
  };
};

export default mint;

/** @param {string} appId @param {string} pem @param {number} nowMs */
const signJwt = (appId, pem, nowMs) => {
  const nowS = Math.floor(nowMs / 1_000);
  const claims = { iat: nowS - CLOCK_DRIFT_S, exp: nowS + JWT_LIFE_S, iss: appId };
  const unsigned = `${encode({ alg: 'RS256', typ: 'JWT' })}.${encode(claims)}`;
  return `${unsigned}.${sign('sha256', Buffer.from(unsigned), readKey(pem)).toString('base64url')}`;
};

/** @param {object} part */
const encode = (part) => Buffer.from(JSON.stringify(part)).toString('base64url');

/** @param {string} pem */
const readKey = (pem) => {
  try {
    return createPrivateKey(pem);
  } catch {
    // The message reveals nothing of the key. A replaced file un-parks the credential.
    const details = { class: /** @type {const} */ ('fatal'), reason: /** @type {const} */ ('secret_unreadable') };
    throw new ProviderError('Expected `privateKey` to be the PEM of an RSA key', details);
  }
};

/**
 * Classifies a refusal by its status and its headers. No text of GitHub's body goes into an error.
 *
 * @param {import('tokenvisor/providers').HttpAnswer} answer @param {number} nowMs
 */
const failureOf = ({ status, headers, body }, nowMs) => {
  if (status === 401) return ProviderError.fatal('GitHub does not know this app by this key', { status });
  const waitMs = limitWaitMs(headers, nowMs);
  const isLimited = status === 429 || (status === 403 && (waitMs !== undefined || /rate limit/i.test(body)));
  if (isLimited) {
    const retryAfterMs = waitMs ?? RATE_LIMIT_WAIT_MS;
    return ProviderError.transient('GitHub limits the rate of requests', { status, retryAfterMs });
  }
  if (status >= 500) return ProviderError.transient('GitHub has failed', { status });
  const why = PARKING[status] ?? 'GitHub has refused the request';
  return new ProviderError(why, { class: 'fatal', reason: 'http_status', status });
};

/**
 * How long GitHub says to wait: its Retry-After, or the time at which a limit that is used up is reset.
 *
 * @param {Readonly<Record<string, string>>} headers @param {number} nowMs
 */
const limitWaitMs = (headers, nowMs) => {
  const retryAfterS = Number(headers['retry-after'] ?? NaN);
  if (Number.isFinite(retryAfterS)) return Math.max(0, retryAfterS * 1_000);
  const resetAtS = Number(headers['x-ratelimit-reset'] ?? NaN);
  if (headers['x-ratelimit-remaining'] !== '0' || !Number.isFinite(resetAtS)) return undefined;
  return Math.max(0, resetAtS * 1_000 - nowMs);
};
