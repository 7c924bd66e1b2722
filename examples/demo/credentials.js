// @ts-check
/** tokenvisor: three credentials by three providers, each in its own actor that can be made to crash. */
import { attach, credential } from 'tokenvisor';
import { clientCredentials, env, refreshToken } from 'tokenvisor/providers';
import { HANG_TIMEOUT_MS, LEAD_MS, MARGIN_MS, perCredential } from './parameters.js';

const crashable = new URL('./crashable-provider.js', import.meta.url);

/** @param {import('tokenvisor/providers').ProviderSpec} provider @param {SharedArrayBuffer} crashWord */
const crashing = (provider, crashWord) =>
  credential({
    provider: crashable,
    options: { provider, crashWord },
    leadMs: LEAD_MS,
    marginMs: MARGIN_MS,
    hangTimeoutMs: HANG_TIMEOUT_MS,
    // Here they die more often in 5 s than a bug would have them die in a day.
    maxRestarts: 20,
  });

/**
 * @param {import('./parameters.js').Setup} setup
 * @param {import('./parameters.js').PerCredential<SharedArrayBuffer>} crashWords
 */
export const specsOf = ({ issuer, clients, refreshTokens }, crashWords) => {
  process.env['BILLING_SECRET'] = clients.billing.clientSecret;
  const billing = {
    module: new URL('./own-provider.js', import.meta.url).href,
    export: 'default',
    options: {
      tokenEndpoint: `${issuer}/token`,
      clientId: clients.billing.clientId,
      clientSecret: env('BILLING_SECRET'),
    },
    fenceable: true,
  };
  return {
    reports: crashing(clientCredentials({ issuer, ...clients.reports }), crashWords.reports),
    mail: crashing(
      refreshToken({ issuer, ...clients.mail, refreshToken: refreshTokens[0], store: 'memory' }),
      crashWords.mail,
    ),
    billing: crashing(billing, crashWords.billing),
  };
};

/** @typedef {import('./parameters.js').PerCredential<import('tokenvisor').TransferableHandle<'credential'>>} Handles */

/**
 * A source of tokens for any thread: shared memory, read synchronously.
 *
 * @param {Handles} handles
 * @returns {import('./reading.js').TokenSource}
 */
export const fromTokenvisor = (handles) => {
  const readers = perCredential((name) => attach(handles[name]));
  return { take: (name) => readers[name].current() };
};
