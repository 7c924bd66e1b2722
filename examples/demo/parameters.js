// @ts-check
/** Parameters of all three loads, for tokens as short as these. */

/** The authorization server's access tokens live for so long. */
export const LIFE_S = 12;

/**
 * A token is replaced so long before its end, by ours and by the two peers alike: an outage of a second, a retry and the
 * restart of a thread fit in between, one after the other, on a machine so busy that a hang is found after eight times
 * {@link HANG_TIMEOUT_MS}.
 */
export const LEAD_MS = 9_000;

/**
 * Ours: a token is no longer handed out so long before its end. A JWT counts in whole seconds, so it ends up to a second
 * sooner than its `expires_in` says; the rest is for the way to the API.
 */
export const MARGIN_MS = 1_500;

/** Ours: an actor that is silent for so long is ended. */
export const HANG_TIMEOUT_MS = 750;

/** The three upstream credentials, and the client that each belongs to. */
export const CREDENTIALS = /** @type {const} */ (['reports', 'mail', 'billing']);

/** The one with a single-use refresh token: no exchange of it is interrupted here (the tests do that). */
export const SINGLE_USE = 'mail';

/** @typedef {(typeof CREDENTIALS)[number]} CredentialName */

/**
 * @template T
 * @typedef {Record<CredentialName, T>} PerCredential
 */

/**
 * @template T
 * @param {(name: CredentialName) => T} make
 * @returns {PerCredential<T>}
 */
export const perCredential = (make) => ({ reports: make('reports'), mail: make('mail'), billing: make('billing') });

export const READER_THREADS = 4;

/** @typedef {'ours' | 'interval' | 'lazy'} Contender */

/**
 * The setup of the server process. Its secrets were made for this run.
 *
 * @typedef {object} Setup
 * @property {Contender} contender
 * @property {number} seconds how long the load lasts
 * @property {string} issuer
 * @property {string} api
 * @property {PerCredential<{ clientId: string, clientSecret: string }>} clients
 * @property {[string, ...string[]]} refreshTokens one for each thread that keeps tokens of its own
 */
