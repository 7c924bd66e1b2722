/** The client credentials grant (RFC 6749 §4.4), as it runs in the actor. */
import { configError } from '../../config/check.js';
import { checkClientCredentials, type ClientCredentialsOptions } from '../specs/client-credentials.js';
import type { ProviderObject } from '../provider.js';
import { TokenEndpoint } from '../token-endpoint.js';

export const provider: ProviderObject<ClientCredentialsOptions> = {
  open(context) {
    const { value: options, problems } = checkClientCredentials(context.options, 'options');
    if (problems.length > 0) throw configError(problems, context.name);
    const endpoint = new TokenEndpoint(context, options);
    return {
      async mint({ signal }) {
        const { exchange } = await endpoint.prepare(signal);
        return (await exchange({ grantType: 'client_credentials', parameters: {}, signal })).token;
      },
    };
  },
};
