/** The client credentials grant (RFC 6749 §4.4), as it runs in the actor. */
import { clientCredentialsParameters } from '../oauth/protocol/grant.js';
import { TokenEndpoint } from '../oauth/token-endpoint.js';
import { clientCredentialsGrant } from './client-credentials.js';

export const provider = clientCredentialsGrant.provider((context, options) => {
  const endpoint = new TokenEndpoint(context, options);
  return {
    async mint({ signal }) {
      const { exchange } = await endpoint.prepare(signal);
      return (await exchange({ grant: clientCredentialsParameters(), signal })).token;
    },
  };
});
