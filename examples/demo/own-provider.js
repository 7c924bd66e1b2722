// @ts-check
/** A custom provider module, for an upstream with its own form of request. */
import { ProviderError } from 'tokenvisor/providers';

/**
 * @typedef {object} BillingOptions
 * @property {string} tokenEndpoint
 * @property {string} clientId
 * @property {import('tokenvisor/providers').SecretReference} clientSecret
 */

/** @type {import('tokenvisor/providers').ProviderObject<BillingOptions>} */
const provider = {
  open({ options, request, secret }) {
    return {
      async mint({ signal }) {
        const credentials = `${options.clientId}:${secret(options.clientSecret)}`;
        const answer = await request(
          options.tokenEndpoint,
          {
            method: 'POST',
            headers: {
              authorization: `Basic ${Buffer.from(credentials).toString('base64')}`,
              'content-type': 'application/x-www-form-urlencoded',
            },
            body: 'grant_type=client_credentials&scope=read',
          },
          signal,
        );
        if (answer.status !== 200) throw ProviderError.transient(`Expected status 200, got ${answer.status}`);
        const { access_token: value, expires_in: expiresInS } = /** @type {any} */ (answer.json());
        return { value, expiresInS };
      },
    };
  },
};

export default provider;
