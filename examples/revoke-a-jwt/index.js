// @ts-check
/**
 * A JWT that is revoked, and refused by every worker from then on, though its signature is good.
 *
 * What you see: three workers of an HTTP server verify tokens by their signature, and ask a ledger in shared memory whether
 * they are revoked, with no message and no database. When `revoke()` has answered, no worker accepts the token. A forged
 * token revokes nothing. `revokeAllForSubject()` ends every token of a user, also those without a
 * record; one that is issued later is good.
 */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { exportJWK, generateKeyPair, SignJWT, UnsecuredJWT } from 'jose';
import { startSupervisor } from 'tokenvisor';
import { revocationLedger } from 'tokenvisor/inbound';

// Stands in for your issuer; instead of the set of its keys, `verify` takes its URL: { jwksUrl, algorithms }.
const { privateKey, publicKey } = await generateKeyPair('ES256');
const jwks = { keys: [{ ...(await exportJWK(publicKey)), kid: 'key-1' }] };
const HOUR_MS = 3_600_000;
/** @param {string} user */
const issue = (user) =>
  new SignJWT({})
    .setProtectedHeader({ alg: 'ES256', kid: 'key-1' })
    .setJti(randomUUID())
    .setSubject(user)
    .setIssuedAt()
    .setExpirationTime('1h')
    .sign(privateKey);

const supervisor = await startSupervisor({
  revoked: revocationLedger({
    verify: { jwks, algorithms: ['ES256'] },
    cutoffs: true, // For revokeAllForSubject(); the ledger then needs the longest life of a token.
    maxTokenLifetimeMs: HOUR_MS,
  }),
});
await supervisor.ready();
const { revoked } = supervisor.children;
supervisor.on('ledger:revoked', ({ jti, subject }) => console.log(`event: ${jti} of ${subject} is revoked`));

const workers = [];
const origins = [];
for (let nth = 0; nth < 3; nth += 1) {
  const worker = new Worker(new URL('./api.js', import.meta.url), { workerData: { jwks, revoked: revoked.handle() } });
  workers.push(worker);
  origins.push(`http://127.0.0.1:${(await once(worker, 'message'))[0]}`);
}
/** How each worker answers to this token. @param {string} token */
const everywhere = (token) =>
  Promise.all(
    origins.map(async (origin) => {
      const response = await fetch(origin, { headers: { authorization: `Bearer ${token}` } });
      return `${response.status} ${await response.text()}`;
    }),
  );

const [phone, laptop] = [await issue('ada'), await issue('ada')];
console.log('a token:                     ', await everywhere(phone));
assert.deepEqual(await everywhere(phone), Array(3).fill('200 hello ada'));

console.log('revoke():                    ', await revoked.revoke(phone));
console.log('the same token:              ', await everywhere(phone));
assert.deepEqual(await everywhere(phone), Array(3).fill('401 revoked'));
console.log('revoke() once more:          ', await revoked.revoke(phone));
console.log('another one of the same user:', await everywhere(laptop));
assert.deepEqual(await everywhere(laptop), Array(3).fill('200 hello ada'));

const forged = new UnsecuredJWT({ jti: 'somebody-elses' }).encode();
let refusal;
try {
  await revoked.revoke(forged);
} catch (error) {
  refusal = error;
}
console.log(`a forged one:                 ${refusal?.code}: ${refusal?.message}`);
assert.equal(refusal?.code, 'TOKEN_REFUSED');

const { issuedBeforeMs = 0 } = await revoked.revokeAllForSubject('ada');
console.log('after revokeAllForSubject(): ', await everywhere(laptop));
assert.deepEqual(await everywhere(laptop), Array(3).fill('401 revoked'));
await sleep(issuedBeforeMs - Date.now()); // `iat` is in whole seconds.
const fresh = await issue('ada');
console.log('one that is issued later:    ', await everywhere(fresh));
assert.deepEqual(await everywhere(fresh), Array(3).fill('200 hello ada'));

await Promise.all(workers.map((worker) => worker.terminate()));
await supervisor.close();
