// @ts-check
/**
 * Re-mint after a 401: ten requests are refused with the same token, and it costs one mint.
 *
 * What you see: the API has revoked the token before its expiry. Each of ten requests under way gets a 401 and
 * calls `invalidate(token)`. The first of them withdraws the token, in every thread; all of them get the next one.
 * Five more begin while there is no token: `get()` waits for it, where `current()` would throw.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { credential, startSupervisor } from 'tokenvisor';
import { clientCredentials } from 'tokenvisor/providers';
import { startAuthorizationServer } from './support/authorization-server.js';

const server = await startAuthorizationServer({ accessTokenLifeS: 20 });
const supervisor = await startSupervisor({
  api: credential({ provider: clientCredentials({ issuer: server.issuer, ...server.client() }) }),
});
await supervisor.ready();
const { api } = supervisor.children;

// An API that has revoked the current token, and accepts any other.
const revoked = api.current().authorization;
const upstream = createServer((request, response) => {
  setTimeout(() => response.writeHead(request.headers.authorization === revoked ? 401 : 200).end(), 20);
});
await once(upstream.listen(0, '127.0.0.1'), 'listening');
const { port } = /** @type {import('node:net').AddressInfo} */ (upstream.address());

/** A request that is repeated once, with another token, if the first one was refused. */
const call = async () => {
  const url = `http://127.0.0.1:${port}/`;
  const token = await api.get();
  const response = await fetch(url, { headers: { authorization: token.authorization } });
  if (response.status !== 401) return response.status;
  const next = await api.invalidate(token);
  return (await fetch(url, { headers: { authorization: next.authorization } })).status;
};

const before = api.current();
console.log(`The API has revoked   ${before}`);
supervisor.on('token:withdrawn', ({ generation }) => console.log(`event: generation ${generation} is withdrawn`));

const withdrawn = new Promise((resolve) => supervisor.once('token:withdrawn', resolve));
const calls = Array.from({ length: 10 }, call);
await withdrawn;
const later = Array.from({ length: 5 }, call);
const statuses = await Promise.all([...calls, ...later]);
const { tokensIssued } = await server.statistics();
console.log(`The ten, repeated     ${statuses.slice(0, 10).join(' ')}`);
console.log(`The five begun later  ${statuses.slice(10).join(' ')}`);
console.log(`The token now         ${api.current()}`);
console.log(`Tokens issued in all  ${tokensIssued}: the first one, and one for ten 401s`);
assert.deepEqual(new Set(statuses), new Set([200]));
assert.equal(tokensIssued, 2);

upstream.close();
await supervisor.close();
await server.close();
