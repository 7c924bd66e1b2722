/**
 * A token endpoint in a process of its own, whose tokens tell when they end. It can go away,
 * and it can ask for patience. Takes commands from its parent, and ends with it.
 */
import { createServer } from 'node:http';
import { monoMs } from './clock.mjs';
import { issueValue } from './token-values.mjs';

const lifeS = Number(process.argv[2] ?? 4);
/** @type {'well' | 'busy' | 'away'} */
let mood = 'well';
/** When each request came. @type {number[]} */
let requests = [];
let issued = 0;

const server = createServer((request, response) => {
  request.resume().on('end', () => {
    requests.push(monoMs());
    response.setHeader('content-type', 'application/json');
    if (mood === 'busy') {
      response.writeHead(429, { 'retry-after': '2' }).end(JSON.stringify({ error: 'slow_down' }));
      return;
    }
    issued += 1;
    response.end(JSON.stringify({ access_token: issueValue(issued, lifeS), token_type: 'Bearer', expires_in: lifeS }));
  });
});

// Away: connections are counted and ended.
server.on('connection', (socket) => {
  if (mood !== 'away') return;
  requests.push(monoMs());
  socket.destroy();
});

let port = 0;
const listen = () =>
  new Promise((resolve) => {
    server.listen(port, () => {
      ({ port } = /** @type {import('node:net').AddressInfo} */ (server.address()));
      resolve(port);
    });
  });

/** @type {Readonly<Record<string, () => unknown>>} */
const commands = {
  start: () => port,
  stats: () => ({ requests, issued }),
  reset: () => {
    requests = [];
    issued = 0;
  },
  leave: () => {
    mood = 'away';
    server.closeAllConnections();
  },
  busy: () => void (mood = 'busy'),
  well: () => void (mood = 'well'),
};

await listen();
process.on('message', async (/** @type {{ id: number, command: string }} */ { id, command }) => {
  process.send?.({ id, value: await commands[command]?.() });
});
process.on('disconnect', () => process.exit());
