/** Token exchange (RFC 8693), as it runs in the actor. */
import { presentedToken } from './presented-token.js';
import { tokenExchangeGrant } from '../oauth/protocol/grant.js';
import type { ProviderObject } from '../oauth/provider.js';
import { checkTokenExchange, type TokenExchangeOptions } from './token-exchange.js';
import { TokenEndpoint } from '../oauth/token-endpoint.js';
import { presentedToken } from './presented-token.js';
import { tokenExchangeGrant } from './token-exchange.js';

export const provider: ProviderObject<TokenExchangeOptions> = {
  open(context) {
    const options = checkedOptions(context, checkTokenExchange);
    const { subjectToken, subjectTokenType, actorToken, actorTokenType, requestedTokenType, timeoutMs } = options;
    const endpoint = new TokenEndpoint(context, options);
    return {
      async mint({ signal }) {
        // The tokens last: what was waited for is sent at once.
        const { exchange } = await endpoint.prepare(signal);
        const wait = { signal, timeoutMs };
        const subject = await presentedToken(context, subjectToken, wait);
        const actor = actorToken === undefined ? undefined : await presentedToken(context, actorToken, wait);
        const grant = tokenExchangeGrant(
          { token: subject, type: subjectTokenType },
          actor === undefined ? undefined : { token: actor, type: actorTokenType },
          requestedTokenType,
        );
        const { token, issuedTokenType } = await exchange({ grant, signal, anyToken: true });
        return issuedTokenType === undefined ? token : { ...token, fields: { issuedTokenType } };
      },
    };
  },
};
