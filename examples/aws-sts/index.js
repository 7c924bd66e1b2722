// @ts-check
/**
 * Temporary AWS keys by AssumeRole and AssumeRoleWithWebIdentity, signed with node:crypto, without an SDK.
 *
 * What you see: a server in place of STS verifies each signature. A user's keys are exchanged for those of a role, and a workload's
 * token for those of another one, from which a third credential is minted (role chaining). The keys are in the token's
 * fields, and are never printed. A wrong secret is fatal: the credential parks.
 */
import assert from 'node:assert/strict';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { SignJWT } from 'jose';
import { credential, startSupervisor } from 'tokenvisor';
import { literal, tokenOf } from 'tokenvisor/providers';
import { startSts } from './sts.js';

const region = 'eu-central-1';
const user = { accessKeyId: 'AKIAEXAMPLE', secretAccessKey: randomBytes(30).toString('base64') };
const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const workload = { issuer: 'https://oidc.example', subject: 'system:serviceaccount:shop:uploads' };
const sts = await startSts({ region, user, workload: { ...workload, publicKey } });

// In an application: file('/var/run/secrets/eks.amazonaws.com/serviceaccount/token').
const webIdentityToken = await new SignJWT()
  .setProtectedHeader({ alg: 'RS256' })
  .setIssuer(workload.issuer)
  .setSubject(workload.subject)
  .setAudience('sts.amazonaws.com')
  .setExpirationTime('1h')
  .sign(privateKey);

const module = new URL('./provider.js', import.meta.url);
/** @param {string} role */
const as = (role) => ({
  region,
  roleArn: `arn:aws:iam::123456789012:role/${role}`,
  roleSessionName: 'an-example',
  endpoint: sts.endpoint, // Left out for AWS.
});
/** @param {string} secretAccessKey */
const readerBy = (secretAccessKey) => {
  const keys = { accessKeyId: user.accessKeyId, secretAccessKey: literal(secretAccessKey) };
  return { ...as('reader'), keys };
};

const supervisor = await startSupervisor({
  reader: credential({ provider: { module, export: 'assumeRole' }, options: readerBy(user.secretAccessKey) }),
  writer: credential({
    provider: { module, export: 'assumeRoleWithWebIdentity' },
    options: { ...as('writer'), webIdentityToken: literal(webIdentityToken) },
  }),
  chained: credential({
    provider: { module, export: 'assumeRole' },
    options: { ...as('reader'), keys: tokenOf('writer'), durationSeconds: 900 },
  }),
});
supervisor.on('mint:failed', ({ name, failure }) =>
  console.log(`event: ${failure.class} failure of '${name}': ${failure.message}`),
);
supervisor.on('child:parked', ({ name, why }) => console.log(`event: '${name}' is parked (${why})`));
await supervisor.ready();
const { reader, writer, chained } = supervisor.children;

for (const role of [reader, writer, chained]) {
  const token = role.current();
  const minutes = Math.round((token.expiresAtMs - Date.now()) / 60_000);
  const { accessKeyId } = /** @type {import('./sigv4.js').AwsKeys} */ (/** @type {unknown} */ (token.fields));
  console.log(`${role.name.padEnd(8)} ${token}, key ${accessKeyId}, for ${minutes} minutes`);
}
console.log(`STS has verified: ${sts.callers.join('; ')}`);
assert.deepEqual([...sts.callers].sort(), ['reader by ci', 'reader by writer', 'writer by uploads']);

console.log('\nA wrong secret, by update():');
await reader.update({ options: readerBy('an unknown secret') });
await assert.rejects(reader.refresh(), { code: 'PARKED' });
console.log(`reader   ${reader.current()} is still served`);

await supervisor.close();
sts.close();
