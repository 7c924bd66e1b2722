// @ts-check
/**
 * A server that is bundled by esbuild, with tokenvisor external.
 *
 * What you see: the bundle runs beside an installed tokenvisor, whose threads load their own files. Without
 * `external`, the bundle loads as well, and the start fails and says what to mark.
 */
import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { startAuthorizationServer } from '../support/authorization-server.js';

const entry = fileURLToPath(new URL('./server.js', import.meta.url));
// Within this project, so that the bundle finds tokenvisor as it would in node_modules.
const scratch = fileURLToPath(new URL('../../.build/', import.meta.url));
await mkdir(scratch, { recursive: true });
const folder = await mkdtemp(path.join(scratch, 'bundled-'));
const authorization = await startAuthorizationServer();
const { clientId, clientSecret } = authorization.client();

/** Bundles the server, starts it, and returns it with its first message. @param {string[]} external */
const start = async (external) => {
  const outfile = path.join(folder, external.length > 0 ? 'server.cjs' : 'all-in-one.cjs');
  // esbuild warns that a bundle to CommonJS has no import.meta: it is tokenvisor's, and the error below says so.
  await build({
    entryPoints: [entry],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    external,
    logLevel: 'error',
  });
  console.log(`${path.basename(outfile)}: ${((await stat(outfile)).size / 1_024).toFixed(0)} KiB`);
  const env = { ...process.env, ISSUER: authorization.issuer, CLIENT_ID: clientId, CLIENT_SECRET: clientSecret };
  const server = fork(outfile, { env });
  const [said] = await once(server, 'message');
  return { server, said };
};

try {
  const { server, said } = await start(['tokenvisor']);
  assert.equal(said.error, undefined);
  const answer = await fetch(`http://127.0.0.1:${said.port}/`);
  console.log(`  it answers:  ${await answer.text()}`);
  server.send('close');
  const [code] = await once(server, 'exit');
  console.log(`  it ended by itself, code ${code}`);
  assert.equal(code, 0);

  const packed = await start([]);
  console.log(`  it says:     ${packed.said.error}`);
  assert.match(packed.said.error, /mark 'tokenvisor' as external/);
  if (packed.server.exitCode === null) await once(packed.server, 'exit');
} finally {
  await rm(folder, { recursive: true, force: true });
  await authorization.close();
}
