// @ts-check
/**
 * The quickstart of the README: one credential, read synchronously.
 *
 * What you see: the token is there as soon as `ready()` has resolved. A repeated read costs as much as reading the
 * clock, and the token is replaced in the background, ahead of its expiry.
 */
import { credential, startSupervisor } from 'tokenvisor';
import { clientCredentials, env } from 'tokenvisor/providers';
import { startAuthorizationServer } from './support/authorization-server.js';

// In place of your authorization server; its tokens live for 4 s, so that one is replaced during the example.
const server = await startAuthorizationServer({ accessTokenLifeS: 4 });
const { clientId, clientSecret } = server.client();
process.env['APP_SECRET'] = clientSecret;
const { issuer } = server;

const supervisor = await startSupervisor({
  api: credential({
    provider: clientCredentials({ issuer, clientId, clientSecret: env('APP_SECRET') }),
  }),
});
await supervisor.ready();
const { api } = supervisor.children;

const first = api.current();
console.log(`The token:        ${first}`);
console.log(`In a header:      authorization: ${first.authorization.slice(0, 12)}…`);
console.log(`It expires in     ${((first.expiresAtMs - Date.now()) / 1_000).toFixed(1)} s`);

let reads = 0;
const startedAtMs = performance.now();
while (api.current() === first && reads < 1_000_000) reads += 1;
const nsPerRead = ((performance.now() - startedAtMs) * 1e6) / reads;
console.log(`${reads} reads took ${nsPerRead.toFixed(0)} ns each`);

console.log('Waiting for the refresh …');
await new Promise((resolve) => {
  supervisor.on('mint:succeeded', ({ generation }) => generation > first.generation && resolve(undefined));
});
console.log(`The token now:    ${api.current()}, replaced in the background`);

await supervisor.close();
await server.close();
