// @ts-check
import { ProviderError } from 'tokenvisor/providers';

/**
 * Exchanges an API key for a session token. This runs in the credential's own thread, so its input comes
 * by `options`; it is loaded with require(), so it has no top-level await.
 *
 * @type {import('tokenvisor/providers').ProviderFunction<{ url: string, apiKey: import('tokenvisor/providers').SecretReference }>}
 */
const mint = async ({ options, request, secret }) => {
  const answer = await request(options.url, {
    method: 'POST',
    headers: { 'x-api-key': secret(options.apiKey) },
  });
  // The error decides: `transient` is tried again with back-off, `fatal` is parked.
  if (answer.status === 503) throw ProviderError.transient('the session service is starting', { status: 503 });
  if (answer.status === 401) throw ProviderError.fatal('the API key is not known', { status: 401 });
  const { session, ttl, instance } = /** @type {any} */ (answer.json());
  return { value: session, expiresInS: ttl, tokenType: 'Session', fields: { instance } };
};

export default mint;
