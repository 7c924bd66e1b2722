// @ts-check
import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import { parentPort, workerData } from 'node:worker_threads';
import { attach } from 'tokenvisor';

const HOUR_MS = 3_600_000;

/** @type {import('tokenvisor').TransferableWriter<'tokenSet'>} */
const writer = workerData.sessions;
const sessions = attach(writer);

/** @param {import('node:http').IncomingMessage} request */
const sessionOf = ({ headers }) => headers.authorization?.replace(/^Bearer /, '') ?? '';

const server = createServer(async (request, response) => {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost');
  switch (pathname) {
    case '/login': {
      const session = randomBytes(24).toString('base64url');
      const userId = Number(searchParams.get('user'));
      // When this has resolved, every worker knows it.
      await sessions.insert(session, { expiresAtMs: Date.now() + HOUR_MS, meta: userId });
      return response.writeHead(201).end(session);
    }
    case '/logout':
      await sessions.destroy(sessionOf(request));
      return response.writeHead(204).end();
    default: {
      // This reads shared memory, without a message and without an await.
      const found = sessions.lookup(sessionOf(request));
      if (!found) return response.writeHead(401).end('log in first');
      return response.end(`user ${found.meta}`);
    }
  }
});

server.listen(0, '127.0.0.1', () => {
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  parentPort?.postMessage(port);
});

/** Asks another worker for the given time, and returns how often it was accepted. */
parentPort?.on('message', async ({ ask, session, whileBlockedMs }) => {
  const endMs = performance.now() + whileBlockedMs;
  let answers = 0;
  while (performance.now() < endMs) {
    const { status } = await fetch(ask, { headers: { authorization: `Bearer ${session}` } });
    if (status === 200) answers += 1;
  }
  parentPort?.postMessage({ answers });
});
