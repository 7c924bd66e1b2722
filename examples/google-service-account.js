// @ts-check
/**
 * A Google service account: its key file has everything, and a replaced file is used by the next mint.
 *
 * What you see: a key file in Google's form, generated here, with a token endpoint of this machine. The endpoint
 * checks the assertion as Google does: the key by its id, the audience, at most an hour, the scopes, and whether the
 * account may act for that user (domain-wide delegation). Then the key is replaced, only in the file.
 */
import assert from 'node:assert/strict';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { jwtVerify } from 'jose';
import { credential, startSupervisor } from 'tokenvisor';
import { file, googleServiceAccount } from 'tokenvisor/providers';
import { startTokenServer } from './support/token-server.js';

const ACCOUNT = 'reports@a-project.iam.gserviceaccount.com';
const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
/** The user for whom the account may act, by permission of an administrator of the domain. */
const DELEGATED = 'boss@example.com';

// In place of Google's token endpoint.
/** @type {Map<string | undefined, import('node:crypto').KeyObject>} */
const publicKeys = new Map();
const server = await startTokenServer(async (form) => {
  if (form['grant_type'] !== JWT_BEARER) throw new Error('unsupported_grant_type');
  const keyOf = (/** @type {{ kid?: string }} */ { kid }) => publicKeys.get(kid) ?? Promise.reject(new Error());
  const { payload, protectedHeader } = await jwtVerify(form['assertion'] ?? '', keyOf, {
    issuer: ACCOUNT,
    audience: server.tokenEndpoint,
    algorithms: ['RS256'],
    maxTokenAge: '1h',
  });
  const { iat = 0, exp = Infinity, sub = ACCOUNT, scope } = payload;
  if (exp - iat > 3_600) throw new Error('invalid_grant');
  if (sub !== ACCOUNT && sub !== DELEGATED) throw new Error('unauthorized_client');
  console.log(`  the endpoint has verified: key ${protectedHeader.kid?.slice(0, 6)}…, for ${sub}, to ${scope}`);
  return { expiresInS: 3_599 };
});

const folder = await mkdtemp(path.join(tmpdir(), 'tokenvisor-example-'));
const keyFile = path.join(folder, 'reports-service-account.json');
const createKeyFile = async () => {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const keyId = randomBytes(20).toString('hex');
  publicKeys.set(keyId, publicKey);
  const contents = {
    type: 'service_account',
    project_id: 'a-project',
    private_key_id: keyId,
    private_key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
    client_email: ACCOUNT,
    client_id: '100000000000000000001',
    token_uri: server.tokenEndpoint,
  };
  await writeFile(`${keyFile}.new`, JSON.stringify(contents, null, 2), { mode: 0o600 });
  await rename(`${keyFile}.new`, keyFile);
  return keyId;
};
const firstKey = await createKeyFile();

/** @param {string} scope @param {string} [subject] */
const provider = (scope, subject) =>
  googleServiceAccount({
    keyFile: file(keyFile),
    scope: `https://www.googleapis.com/auth/${scope}`,
    ...(subject !== undefined && { subject }),
  });
const supervisor = await startSupervisor({
  storage: credential({ provider: provider('devstorage.read_only') }),
  calendar: credential({ provider: provider('calendar.readonly', DELEGATED) }),
});
supervisor.on('mint:failed', ({ name, failure }) =>
  console.log(`event: a mint of '${name}' failed: ${failure.message}`),
);
supervisor.on('child:parked', ({ name, why }) => console.log(`event: '${name}' is parked (${why})`));
try {
  await supervisor.ready();
  const { storage, calendar } = supervisor.children;
  console.log(`storage:  ${storage.current()}`);
  console.log(`calendar: ${calendar.current()}`);

  console.log('\nAnother key in the file, and the first one is deleted at the endpoint:');
  await createKeyFile();
  publicKeys.delete(firstKey);
  console.log(`storage:  ${await storage.refresh()}`);

  console.log('\nFor a user that the account was not delegated to:');
  await calendar.update({ provider: provider('calendar.readonly', 'stranger@example.com') });
  await assert.rejects(calendar.refresh(), { code: 'PARKED' });
  assert.equal(calendar.status().lastFailure?.oauthError, 'unauthorized_client');
} finally {
  await supervisor.close();
  server.close();
  await rm(folder, { recursive: true });
}
