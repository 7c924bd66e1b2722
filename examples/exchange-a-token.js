// @ts-check
/**
 * Token exchange: a user's token is exchanged for one of another API, again after each refresh of the user's token.
 *
 * What you see: `orders` has to wait for `user`, and for the service's own token, because both are in its request. In its
 * token, the user is the subject and the service is the actor: that is delegation. `stock` has no actor: that is
 * impersonation. When the user's token is refreshed, both are exchanged again automatically.
 */
import assert from 'node:assert/strict';
import { decodeJwt } from 'jose';
import { credential, startSupervisor } from 'tokenvisor';
import { clientCredentials, refreshToken, tokenExchange, tokenOf } from 'tokenvisor/providers';
import { startAuthorizationServer } from './support/authorization-server.js';

const server = await startAuthorizationServer({ accessTokenLifeS: 20, clients: ['shop'] });
const client = { issuer: server.issuer, ...server.client('shop') };
const consent = await server.issueRefreshToken('shop');

// The order does not matter: a credential waits for those that it is minted from.
const supervisor = await startSupervisor({
  orders: credential({
    provider: tokenExchange({
      ...client,
      subjectToken: tokenOf('user'),
      actorToken: tokenOf('shop'),
      audience: 'urn:example:orders',
      scope: 'write',
    }),
  }),
  stock: credential({
    provider: tokenExchange({ ...client, subjectToken: tokenOf('user'), audience: 'urn:example:stock', scope: 'read' }),
  }),
  shop: credential({ provider: clientCredentials(client) }),
  user: credential({ provider: refreshToken({ ...client, refreshToken: consent, store: 'memory' }) }),
});
await supervisor.ready();
const { user, orders, stock } = supervisor.children;

/** @param {import('tokenvisor').CredentialReader} api */
const show = (api) => {
  const { aud, sub, act, scope } = decodeJwt(api.current().value);
  const who = act ? `${sub}, by ${Object.values(act)}` : sub;
  console.log(`${api.name.padEnd(7)} ${api.current()}: for ${aud}, to ${scope}, of ${who}`);
  return { sub, act };
};
show(user);
assert.deepEqual(show(orders), { sub: 'user-of-shop', act: { sub: 'shop' } });
assert.deepEqual(show(stock), { sub: 'user-of-shop', act: undefined });

console.log('\nThe user’s token is refreshed:');
const exchanged = new Set();
const both = new Promise((resolve) => {
  supervisor.on('mint:succeeded', ({ name, generation }) => {
    if (generation === 1) return; // A late event of the first mint.
    console.log(`event: '${name}' has generation ${generation}`);
    if (name !== 'user') exchanged.add(name);
    if (exchanged.size === 2) resolve(undefined);
  });
});
await user.refresh();
await both;

await supervisor.close();
await server.close();
