// @ts-check
/**
 * A single-use refresh token, kept over a restart of the process.
 *
 * What you see: each exchange spends the refresh token and brings the next one, which is stored before the access token
 * is published. So a second process, whose configuration still has the first, spent, refresh token, goes on
 * where the first process ended; and the server, which would revoke the grant, sees no token twice.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { startAuthorizationServer } from '../support/authorization-server.js';

const server = await startAuthorizationServer();
const { clientId, clientSecret } = server.client();
const folder = await mkdtemp(path.join(tmpdir(), 'tokenvisor-example-'));
const store = path.join(folder, 'mail-refresh-token.json');

const configuration = {
  ISSUER: server.issuer,
  CLIENT_ID: clientId,
  CLIENT_SECRET: clientSecret,
  REFRESH_TOKEN: await server.issueRefreshToken(),
  STORE: store,
};

/** @param {string} run */
const runApp = async (run) => {
  const app = fileURLToPath(new URL('./app.js', import.meta.url));
  const child = spawn(process.execPath, [app], {
    env: { ...process.env, ...configuration, RUN: run },
    stdio: 'inherit',
  });
  const [code] = await once(child, 'exit');
  assert.equal(code, 0);
};

const describeStore = async () => {
  const { mode } = await stat(store);
  const { rotations } = JSON.parse(await readFile(store, 'utf8'));
  console.log(`The store: mode ${(mode & 0o777).toString(8)}, ${rotations} exchanges behind it`);
};

try {
  console.log('The first process:');
  await runApp('first');
  await describeStore();

  console.log('The second process, with the same configuration:');
  await runApp('second');
  await describeStore();

  const { tokensIssued, reuses } = await server.statistics();
  console.log(
    `The server has issued ${tokensIssued} access tokens, and has seen a refresh token twice ${reuses} times`,
  );
  assert.deepEqual({ tokensIssued, reuses }, { tokensIssued: 4, reuses: 0 });
} finally {
  await server.close();
  await rm(folder, { recursive: true });
}
