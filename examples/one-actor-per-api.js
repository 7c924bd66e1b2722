// @ts-check
/**
 * One actor per upstream API: three credentials, of which one has a wrong secret.
 *
 * What you see: each credential has its own thread. The one with the wrong secret is parked at once, with the
 * reason, and is not retried; its siblings are not affected. `update()` gives it the right secret, and it
 * comes back with no restart.
 */
import assert from 'node:assert/strict';
import { credential, startSupervisor } from 'tokenvisor';
import { clientCredentials } from 'tokenvisor/providers';
import { startAuthorizationServer } from './support/authorization-server.js';

const server = await startAuthorizationServer({ clients: ['crm', 'billing', 'search'] });

/** @param {string} clientId @param {string} [clientSecret] */
const provider = (clientId, clientSecret = server.client(clientId).clientSecret) =>
  clientCredentials({ issuer: server.issuer, clientId, clientSecret, scope: 'read' });

const supervisor = await startSupervisor({
  crm: credential({ provider: provider('crm') }),
  billing: credential({ provider: provider('billing', 'last-years-secret') }),
  search: credential({ provider: provider('search') }),
});
supervisor.on('child:parked', ({ name, why }) => console.log(`event: '${name}' is parked (${why})`));
supervisor.on('child:resumed', ({ name, by }) => console.log(`event: '${name}' is back (by ${by})`));
supervisor.on('mint:failed', ({ name, failure }) =>
  console.log(`event: a mint of '${name}' failed: ${failure.message}`),
);

const { crm, billing, search } = supervisor.children;
await Promise.all([crm.get(), search.get()]);
console.log(`crm:     ${crm.current()}`);
console.log(`search:  ${search.current()}`);

try {
  await billing.get();
  assert.fail('The wrong secret was taken');
} catch (error) {
  console.log(`billing: ${error.code}: ${error.message}`);
  assert.equal(error.code, 'PARKED');
}
console.log('health: ', supervisor.health());

console.log('\nrotate() with the right secret:');
await billing.update({ provider: provider('billing') });
console.log(`billing: ${await billing.get()}`);
console.log('health: ', supervisor.health());

await supervisor.close();
await server.close();
