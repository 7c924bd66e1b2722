// @ts-check
/**
 * A client secret that is changed under load: before the server knows it, and by a file.
 *
 * What you see: the credential gets the new secret while the server still requires the old one. In the overlap each
 * mint tries the new one first, and the old one a second later. When the server has changed over, only the new one is
 * used. Then the secret moves to a file, and a new file rotates it, without a call. Reads never fail.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { credential, startSupervisor } from 'tokenvisor';
import { clientCredentials, file } from 'tokenvisor/providers';
import { startAuthorizationServer } from './support/authorization-server.js';

const server = await startAuthorizationServer();
const { clientId, clientSecret } = server.client();
const folder = await mkdtemp(path.join(tmpdir(), 'tokenvisor-example-'));

/** @param {string | ReturnType<typeof file>} secret */
const by = (secret) => clientCredentials({ issuer: server.issuer, clientId, clientSecret: secret });

const supervisor = await startSupervisor({ api: credential({ provider: by(clientSecret) }) });
await supervisor.ready();
const { api } = supervisor.children;

/** @type {string[]} */
const told = [];
/** @param {string} what @param {boolean} [previous] */
const tell = (what, previous) => {
  told.push(`${previous ? 'old' : 'new'} secret: ${what}`);
  console.log(`  ${told.at(-1)}`);
};
supervisor.on('mint:failed', ({ failure, previous }) => tell(`refused, ${failure.oauthError}`, previous));
supervisor.on('mint:succeeded', ({ generation, previous }) => tell(`generation ${generation}`, previous));

let reads = 0;
const reading = setInterval(() => {
  // It would throw, and end the example, if there were no token.
  api.current();
  reads += 1;
}, 1);

/** Until that token has been told of. @param {number} generation */
const minted = async (generation) => {
  const endMs = performance.now() + 15_000;
  while (!told.at(-1)?.endsWith(`generation ${generation}`)) {
    assert.ok(performance.now() < endMs, `Expected generation ${generation}, got ${told.at(-1)}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
};

console.log('update(), before the server knows the new secret:');
const newSecret = randomBytes(24).toString('base64url');
await api.update({ provider: by(newSecret) }, { overlapMs: 60_000 });
await minted(2);

console.log('The server changes over; the next refresh:');
await server.setSecret(newSecret);
await api.refresh();
await minted(3);

console.log('From now on the secret is in a file:');
const secretFile = path.join(folder, 'client-secret');
await writeFile(secretFile, newSecret);
await api.update({ provider: by(file(secretFile)) });
await minted(4);

console.log('The server changes over once more, and the file is replaced; the next refresh:');
const newestSecret = randomBytes(24).toString('base64url');
await server.setSecret(newestSecret);
await writeFile(`${secretFile}.new`, newestSecret);
await rename(`${secretFile}.new`, secretFile);
await api.refresh();
await minted(5);

clearInterval(reading);
const { tokensIssued, refusals } = await server.statistics();
console.log(`${reads} reads, none of which failed; ${tokensIssued} tokens issued, ${refusals} request refused`);
assert.deepEqual({ tokensIssued, refusals }, { tokensIssued: 5, refusals: 1 });

await supervisor.close();
await server.close();
await rm(folder, { recursive: true });
