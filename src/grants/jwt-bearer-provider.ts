/** The JWT bearer grant (RFC 7523 §2.1) in the actor. */
import { loadSigner } from '../oauth/client-authentication.js';
import { presentedAssertion } from '../oauth/presented-assertion.js';
import { isPresented, presentedToken } from './presented-token.js';
import { jwtBearerGrant } from '../oauth/protocol/grant.js';
import type { MintAttempt, ProviderContext, ProviderObject } from '../oauth/provider.js';
import { checkJwtBearer, type CheckedJwtBearerOptions, type JwtBearerOptions } from './jwt-bearer.js';
import { TokenEndpoint } from '../oauth/token-endpoint.js';
import type { CheckedOptions } from './define-grant.js';
import { jwtBearerGrant } from './jwt-bearer.js';

/** The assertion of one attempt, for a server that calls itself `issuer`. */
type Assert = (issuer: string, attempt: MintAttempt) => string | Promise<string>;

export const provider: ProviderObject<JwtBearerOptions> = {
  open(context) {
    const options = checkedOptions(context, checkJwtBearer);
    const endpoint = new TokenEndpoint(context, options);
    const assert = asserter(context, options);
    return {
      async mint(attempt) {
        const { issuer, exchange } = await endpoint.prepare(attempt.signal);
        const assertion = await assert(issuer, attempt);
        return (await exchange({ grant: jwtBearerGrant(assertion), signal: attempt.signal })).token;
      },
    };
  },
};

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
