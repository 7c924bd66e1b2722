/** The client credentials grant (RFC 6749 §4.4) in the actor. */
import { checkClientCredentials, type ClientCredentialsOptions } from './client-credentials.js';
import type { ProviderObject } from '../oauth/provider.js';
import { TokenEndpoint } from '../oauth/token-endpoint.js';
import { checkedOptions } from './checked-options.js';

export const provider: ProviderObject<ClientCredentialsOptions> = {
  open(context) {
    const options = checkedOptions(context, checkClientCredentials);
    const endpoint = new TokenEndpoint(context, options);
    return {
      async mint({ signal }) {
        const { exchange } = await endpoint.prepare(signal);
        return (await exchange({ grantType: 'client_credentials', parameters: {}, signal })).token;
      },
    };
  },
};
