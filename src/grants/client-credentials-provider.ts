/** The client credentials grant (RFC 6749 §4.4), as it runs in the actor. */
import { checkClientCredentials, type ClientCredentialsOptions } from './client-credentials.js';
import { clientCredentialsGrant } from '../oauth/protocol/grant.js';
import type { ProviderObject } from '../oauth/provider.js';
import { TokenEndpoint } from '../oauth/token-endpoint.js';
import { clientCredentialsGrant } from './client-credentials.js';

export const provider: ProviderObject<ClientCredentialsOptions> = {
  open(context) {
    const options = checkedOptions(context, checkClientCredentials);
    const endpoint = new TokenEndpoint(context, options);
    return {
      async mint({ signal }) {
        const { exchange } = await endpoint.prepare(signal);
        return (await exchange({ grant: clientCredentialsGrant(), signal })).token;
      },
    };
  },
};
