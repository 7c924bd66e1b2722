/** Which kinds of tokens each grant takes: what is no access token comes by an exchange alone (RFC 8693 §2.2.1). */
import { describe, expect, it } from 'vitest';
import { provider as byClient } from '../../../src/grants/client-credentials-provider.js';
import { provider as byAssertion } from '../../../src/grants/jwt-bearer-provider.js';
import { provider as byExchange } from '../../../src/grants/token-exchange-provider.js';
import { clientCredentials, jwtBearer, tokenExchange } from '../../../src/grants/index.js';
import { attempt, contextOf, failureOf } from '../../support/http-context.js';
import { serve, tokenAnswer } from '../../support/http-server.js';

const issued = 'urn:ietf:params:oauth:token-type:jwt';

const exchanged = async (more: object) => {
  await using server = await serve(tokenAnswer(more));
  const { options } = tokenExchange({ tokenEndpoint: server.origin, subjectToken: 'subject' });
  return await byExchange.open(contextOf(options)).mint(attempt());
};

describe('token exchange', () => {
  it.each(['N_A', 'n_a'])('takes %s, and says what was issued', async (tokenType) => {
    expect(await exchanged({ token_type: tokenType, issued_token_type: issued })).toMatchObject({
      value: 'access-1',
      tokenType: 'N_A',
      fields: { issuedTokenType: issued },
    });
  });

  it.each([
    ['is not said', {}],
    ['is no text', { issued_token_type: 7 }],
  ])('does without the type of what was issued if it %s', async (_what, more) => {
    const minted = await exchanged(more);
    expect(minted).toMatchObject({ tokenType: 'Bearer' });
    expect(minted).not.toHaveProperty('fields');
  });

  it.each(['DPoP', 'mac', ''])('takes no token of the type %j', async (tokenType) => {
    expect(await failureOf(() => exchanged({ token_type: tokenType }))).toMatchObject({ reason: 'malformed_answer' });
  });
});

describe('any other grant', () => {
  it('takes no N_A', async () => {
    await using server = await serve(tokenAnswer({ token_type: 'N_A', issued_token_type: issued }));
    const common = { tokenEndpoint: server.origin, clientId: 'a', clientSecret: 'secret' };
    const sessions = [
      byClient.open(contextOf(clientCredentials(common).options)),
      byAssertion.open(contextOf(jwtBearer({ ...common, assertion: 'a.b.c' }).options)),
    ];
    for (const session of sessions) {
      expect(await failureOf(() => session.mint(attempt()))).toMatchObject({ reason: 'malformed_answer' });
    }
  });
});
