// @ts-check
/**
 * A custom provider module, for an API without OAuth.
 *
 * What you see: the first attempt has a transient failure, and is repeated with back-off while `get()` waits. The token has
 * a custom scheme and custom fields. An unknown API key is fatal: the credential is parked.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { credential, startSupervisor } from 'tokenvisor';
import { literal } from 'tokenvisor/providers';

const apiKey = randomBytes(12).toString('hex');
let requests = 0;

// The service: unavailable at first, then it gives a session to any client with the key.
const service = createServer((request, response) => {
  requests += 1;
  if (requests === 1) return void response.writeHead(503).end();
  if (request.headers['x-api-key'] !== apiKey) return void response.writeHead(401).end();
  response.end(JSON.stringify({ session: randomBytes(12).toString('hex'), ttl: 3_600, instance: 'eu-3' }));
});
await once(service.listen(0, '127.0.0.1'), 'listening');
const { port } = /** @type {import('node:net').AddressInfo} */ (service.address());

const supervisor = await startSupervisor({
  sessions: credential({
    provider: new URL('./provider.js', import.meta.url),
    options: { url: `http://127.0.0.1:${port}/session`, apiKey: literal(apiKey) },
  }),
});
supervisor.on('mint:failed', ({ failure, nextAttemptAtMs }) => {
  const next = nextAttemptAtMs === undefined ? 'parked' : `again in ${nextAttemptAtMs - Date.now()} ms`;
  console.log(`event: ${failure.class} failure: ${failure.message}: ${next}`);
});

supervisor.on('child:parked', ({ name, why }) => console.log(`event: '${name}' is parked (${why})`));

const { sessions } = supervisor.children;
const token = await sessions.get();
console.log(`The token:         ${token}`);
console.log(`Its scheme:        ${token.tokenType}`);
console.log(`Its fields:        ${JSON.stringify(token.fields)}`);

console.log('\nA wrong key, by update():');
const url = `http://127.0.0.1:${port}/session`;
await sessions.update({ options: { url, apiKey: literal('not-the-key') } });
await assert.rejects(sessions.refresh(), { code: 'PARKED' });
console.log(`State:             ${sessions.status().state}, because of ${sessions.status().parked?.why}`);
console.log(`Still served:      ${sessions.current()}`);
assert.equal(sessions.current().generation, token.generation);

await supervisor.close();
service.close();
