/** A token endpoint in a process of its own, so that its memory is nobody else's. Sends its port, ends with its parent. */
import { createServer } from 'node:http';

let issued = 0;
const server = createServer((request, response) => {
  request.resume().on('end', () => {
    issued += 1;
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ access_token: `fake-${issued}`, token_type: 'Bearer', expires_in: 3_600 }));
  });
});
server.listen(0, '127.0.0.1', () =>
  process.send?.(/** @type {import('node:net').AddressInfo} */ (server.address()).port),
);
process.on('disconnect', () => process.exit());
