/** The JWT bearer grant (RFC 7523 §2.1) in the actor. */
import { loadSigner } from '../oauth/client-authentication.js';
import { presentedAssertion } from '../oauth/presented-assertion.js';
import { isPresented, presentedToken } from './presented-token.js';
import { jwtBearerParameters } from '../oauth/protocol/grant.js';
import type { MintAttempt, ProviderContext } from '../oauth/provider.js';
import { TokenEndpoint } from '../oauth/token-endpoint.js';
import type { CheckedOptions } from './define-grant.js';
import { jwtBearerGrant } from './jwt-bearer.js';

/** Makes the assertion of one attempt, for a server whose issuer is `issuer`. */
type Assert = (issuer: string, attempt: MintAttempt) => string | Promise<string>;

export const provider = jwtBearerGrant.provider((context, options) => {
  const endpoint = new TokenEndpoint(context, options);
  const assert = asserter(context, options);
  return {
    async mint(attempt) {
      const { issuer, exchange } = await endpoint.prepare(attempt.signal);
      const assertion = await assert(issuer, attempt);
      return (await exchange({ grant: jwtBearerParameters(assertion), signal: attempt.signal })).token;
    },
  };
});

const asserter = (
  context: ProviderContext,
  { assertion, timeoutMs }: CheckedOptions<typeof jwtBearerGrant>,
): Assert => {
  if (isPresented(assertion)) {
    return async (_issuer, { signal }) =>
      presentedAssertion(await presentedToken(context, assertion, { signal, timeoutMs }));
  }
  const { issuer: iss, subject: sub = iss, audience, claims = {}, lifetimeMs } = assertion;
  const sign = loadSigner();
  return (issuer) => sign(context, assertion, { ...claims, iss, sub, aud: audience ?? issuer }, lifetimeMs);
};
