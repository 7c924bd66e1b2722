// @ts-check
import { createServer } from 'node:http';
import { parentPort, workerData } from 'node:worker_threads';
import { createLocalJWKSet, jwtVerify } from 'jose';
import { attach } from 'tokenvisor';

/** @type {import('tokenvisor/inbound').TransferableLedger<true>} */
const handle = workerData.revoked;
const revoked = attach(handle);
const keys = createLocalJWKSet(workerData.jwks);

const server = createServer(async (request, response) => {
  const token = (request.headers.authorization ?? '').replace(/^Bearer /, '');
  try {
    const { payload } = await jwtVerify(token, keys, { algorithms: ['ES256'] });
    // The signature is good. Shared memory says whether the token is revoked, without a message or an await.
    if (revoked.isRevoked(token)) return response.writeHead(401).end('revoked');
    return response.end(`hello ${payload.sub}`);
  } catch {
    return response.writeHead(401).end('not our token');
  }
});

server.listen(0, '127.0.0.1', () => {
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  parentPort?.postMessage(port);
});
