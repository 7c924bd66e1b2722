// @ts-check
/**
 * A service account: it signs its identity and the user that it acts for, and gets tokens by the JWT bearer grant.
 *
 * What you see: no password and no refresh token. The server knows the public key of the service; each
 * attempt presents a new assertion. Two credentials with the same key: one for the service
 * itself, one for a user that it acts for.
 */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { decodeJwt } from 'jose';
import { credential, startSupervisor } from 'tokenvisor';
import { jwtBearer, literal } from 'tokenvisor/providers';
import { startAuthorizationServer } from './support/authorization-server.js';

const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const kid = 'reports-1';
const publicJwk = /** @type {import('jose').JWK} */ ({ ...publicKey.export({ format: 'jwk' }), kid, alg: 'ES256' });
const server = await startAuthorizationServer({ services: { 'reports-service': [publicJwk] } });

// In an application: file('/run/secrets/reports.pem').
const key = literal(privateKey.export({ type: 'pkcs8', format: 'pem' }).toString());

/** @param {string} [subject] on whose behalf; none: its own */
const provider = (subject) =>
  jwtBearer({
    issuer: server.issuer,
    ...server.client(), // This server requires the client beside the assertion; many don't.
    assertion: { privateKey: key, keyId: kid, issuer: 'reports-service', ...(subject !== undefined && { subject }) },
    scope: 'read',
  });

const supervisor = await startSupervisor({
  own: credential({ provider: provider() }),
  alice: credential({ provider: provider('alice@example.com') }),
});
await supervisor.ready();
const { own, alice } = supervisor.children;

for (const api of [own, alice]) {
  const { sub, scope } = decodeJwt(api.current().value);
  console.log(`${api.name.padEnd(5)}: ${api.current()}, for ${sub}, to ${scope}`);
}
await own.refresh();
const { tokensIssued, refusals } = await server.statistics();
console.log(`The server has seen ${tokensIssued} assertions, each for the first time, and refused ${refusals}`);
assert.equal(decodeJwt(alice.current().value).sub, 'alice@example.com');
assert.deepEqual({ tokensIssued, refusals }, { tokensIssued: 3, refusals: 0 });

await supervisor.close();
await server.close();
