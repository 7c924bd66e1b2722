/** Token exchange (RFC 8693), as it runs in the actor. */
import { TokenEndpoint } from '../oauth/token-endpoint.js';
import { presentedToken } from './presented-token.js';
import { tokenExchangeGrant } from './token-exchange.js';

/** RFC 8693 §2.1. */
const TOKEN_EXCHANGE_GRANT = 'urn:ietf:params:oauth:grant-type:token-exchange';

export const provider = tokenExchangeGrant.provider((context, options) => {
  const { subjectToken, subjectTokenType, actorToken, actorTokenType, requestedTokenType, timeoutMs } = options;
  const endpoint = new TokenEndpoint(context, options);
  return {
    async mint({ signal }) {
      // The tokens last: what was waited for is sent at once.
      const { exchange } = await endpoint.prepare(signal);
      const wait = { signal, timeoutMs };
      const subject = await presentedToken(context, subjectToken, wait);
      const actor = actorToken === undefined ? undefined : await presentedToken(context, actorToken, wait);
      const parameters = {
        subject_token: subject,
        subject_token_type: subjectTokenType,
        ...(actor !== undefined && { actor_token: actor, actor_token_type: actorTokenType }),
        ...(requestedTokenType !== undefined && { requested_token_type: requestedTokenType }),
      };
      const exchanged = await exchange({ grantType: TOKEN_EXCHANGE_GRANT, parameters, signal, anyToken: true });
      const { token, issuedTokenType } = exchanged;
      return issuedTokenType === undefined ? token : { ...token, fields: { issuedTokenType } };
    },
  };
});
