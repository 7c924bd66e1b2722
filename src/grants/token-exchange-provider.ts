/** Token exchange (RFC 8693), as it runs in the actor. */
import { tokenExchangeParameters } from '../oauth/protocol/grant.js';
import { TokenEndpoint } from '../oauth/token-endpoint.js';
import { presentedToken } from './presented-token.js';
import { tokenExchangeGrant } from './token-exchange.js';

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
      const grant = tokenExchangeParameters(
        { token: subject, type: subjectTokenType },
        actor === undefined ? undefined : { token: actor, type: actorTokenType },
        requestedTokenType,
      );
      const { token, issuedTokenType } = await exchange({ grant, signal, anyToken: true });
      return issuedTokenType === undefined ? token : { ...token, fields: { issuedTokenType } };
    },
  };
});
