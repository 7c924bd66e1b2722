/** What is presented as an assertion must be one: a private key in its place is not sent to the server. */
import { generateKeyPairSync } from 'node:crypto';
import { expect, it } from 'vitest';
import { provider as byClient } from '../../../src/grants/client-credentials-provider.js';
import { provider as byAssertion } from '../../../src/grants/jwt-bearer-provider.js';
import { clientCredentials, jwtBearer } from '../../../src/grants/index.js';
import { attempt, contextOf, failureOf } from '../../support/http-context.js';
import { serve, tokenAnswer } from '../../support/http-server.js';

const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
const jwk = JSON.stringify(privateKey.export({ format: 'jwk' }));

/** One mint of each grant that presents an assertion as it is. */
const mints = (tokenEndpoint: string, assertion: string) => [
  () =>
    byClient
      .open(contextOf(clientCredentials({ tokenEndpoint, clientId: 'a', clientAssertion: assertion }).options))
      .mint(attempt()),
  () => byAssertion.open(contextOf(jwtBearer({ tokenEndpoint, assertion }).options)).mint(attempt()),
];

it.each([
  ['a PEM', pem],
  ['a JWK', jwk],
  ['a path', '/run/secrets/key.pem'],
  ['a path of this directory', './key.pem'],
  ['a JWT with a line below', 'a.b.c\nd'],
  ['too few parts', 'a.b'],
  ['too many parts', 'a.b.c.d.e.f'],
])('%s is not sent, and not told', async (_what, assertion) => {
  await using server = await serve(tokenAnswer());
  for (const mint of mints(server.origin, assertion)) {
    const failure = await failureOf(mint);
    expect(failure).toMatchObject({ class: 'fatal', reason: 'secret_unreadable' });
    expect(failure.message).toMatch(/^Expected an assertion \(a JWT\), .* file\(path\)/);
    expect(failure.message).not.toContain(assertion);
  }
  expect(server.seen).toEqual([]);
});

it.each([
  ['a signed JWT', 'eyJh.eyJi.c2ln'],
  ['one without a signature', 'eyJh.eyJi.'],
  ['an encrypted JWT', 'eyJh..aXY.dGV4dA.dGFn'],
])('%s is sent', async (_what, assertion) => {
  await using server = await serve(tokenAnswer());
  for (const mint of mints(server.origin, assertion)) expect(await mint()).toMatchObject({ value: 'access-1' });
  expect(server.seen).toHaveLength(2);
});
