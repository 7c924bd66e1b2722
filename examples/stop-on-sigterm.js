// @ts-check
/**
 * Stop on SIGTERM: requests first, then credentials, then the process ends by itself.
 *
 * What you see: an orchestrator sends SIGTERM in the middle of a request. The server takes no new connections and
 * answers the request with a valid token. Then the supervisor stops its children, and waits for
 * an exchange of a single-use refresh token under way. Nothing calls process.exit().
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import { credential, startSupervisor } from 'tokenvisor';
import { clientCredentials } from 'tokenvisor/providers';
import { startAuthorizationServer } from './support/authorization-server.js';

const authorizationServer = await startAuthorizationServer();
const provider = clientCredentials({ issuer: authorizationServer.issuer, ...authorizationServer.client() });
const supervisor = await startSupervisor({ api: credential({ provider }) });
await supervisor.ready();

const server = createServer((_request, response) => {
  setTimeout(() => response.end(`used ${supervisor.children.api.current()}`), 300);
});
await once(server.listen(0, '127.0.0.1'), 'listening');

process.once('SIGTERM', async () => {
  console.log('SIGTERM: no new connections; requests under way are answered …');
  server.close();
  server.closeIdleConnections();
  await once(server, 'close');
  console.log('  then the credentials …');
  await supervisor.close({ timeoutMs: 8_000 });
  console.log(`  closed; health is '${supervisor.health().status}', and reads throw ${codeOfRead()}`);
  await authorizationServer.close();
});

const codeOfRead = () => {
  try {
    return supervisor.children.api.current();
  } catch (error) {
    return error.code;
  }
};

const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
const request = fetch(`http://127.0.0.1:${port}/`, { headers: { connection: 'close' } });
await new Promise((resolve) => setTimeout(resolve, 100));
process.kill(process.pid, 'SIGTERM');
console.log(`The request under way was answered: ${await (await request).text()}`);
