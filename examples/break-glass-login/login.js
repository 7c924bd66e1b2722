// @ts-check
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';
import { parentPort, workerData } from 'node:worker_threads';
import { attach } from 'tokenvisor';

/** @type {import('tokenvisor').TransferableHandle<'breakGlass'>} */
const handle = workerData.door;
const door = attach(handle);

/** Asks the identity provider, which is away. @param {string} _password */
const askIdentityProvider = async (_password) => {
  throw new Error('connect ECONNREFUSED');
};

const server = createServer(async (request, response) => {
  const password = await text(request);
  // This reads shared memory. A guess takes as long as the token.
  if (door.lookup(password)) return response.writeHead(200).end('as the emergency administrator');
  try {
    const user = await askIdentityProvider(password);
    response.writeHead(200).end(`as ${user}`);
  } catch {
    response.writeHead(503).end('the identity provider is away');
  }
});

server.listen(0, '127.0.0.1', () => {
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  parentPort?.postMessage(port);
});
