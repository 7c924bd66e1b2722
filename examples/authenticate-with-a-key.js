// @ts-check
/**
 * A client that authenticates by a key (private_key_jwt), without a shared secret.
 *
 * What you see: the server knows only the public keys. For each attempt a new assertion is signed with the private
 * key, which is a file. The file is replaced by another key while the server knows both, and the next mint uses that
 * one, without a restart or a call.
 */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { credential, startSupervisor } from 'tokenvisor';
import { clientCredentials, file } from 'tokenvisor/providers';
import { startAuthorizationServer } from './support/authorization-server.js';

/** An Ed25519 key as a JWK, which says by which name and algorithm it is known. @param {string} kid */
const createKey = (kid) => {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const about = { kid, alg: 'EdDSA', use: 'sig' };
  return {
    privateJwk: { ...privateKey.export({ format: 'jwk' }), ...about },
    publicJwk: /** @type {import('jose').JWK} */ ({ ...publicKey.export({ format: 'jwk' }), ...about }),
  };
};

const spring = createKey('spring');
const autumn = createKey('autumn');
const server = await startAuthorizationServer({
  keyClients: [{ clientId: 'reports', publicKeys: [spring.publicJwk, autumn.publicJwk] }],
});

const folder = await mkdtemp(path.join(tmpdir(), 'tokenvisor-example-'));
const keyFile = path.join(folder, 'reports.jwk');
await writeFile(keyFile, JSON.stringify(spring.privateJwk), { mode: 0o600 });

const supervisor = await startSupervisor({
  reports: credential({
    provider: clientCredentials({
      issuer: server.issuer,
      clientId: 'reports',
      clientAssertion: { privateKey: file(keyFile) },
      scope: 'read',
    }),
  }),
});
try {
  await supervisor.ready();
  const { reports } = supervisor.children;
  console.log(`The token:               ${reports.current()}`);

  // Atomically: no reader may find half a key.
  await writeFile(`${keyFile}.new`, JSON.stringify(autumn.privateJwk), { mode: 0o600 });
  await rename(`${keyFile}.new`, keyFile);
  console.log(`With another key file:   ${await reports.refresh()}`);

  const { keyIds } = await server.statistics();
  console.log(`The assertions' keys:    ${keyIds.join(', ')}`);
  assert.deepEqual([keyIds[0], keyIds.at(-1)], ['spring', 'autumn']);
} finally {
  await supervisor.close();
  await server.close();
  await rm(folder, { recursive: true });
}
