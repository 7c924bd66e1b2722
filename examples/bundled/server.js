// @ts-check
// The server that is bundled: each answer tells which token its request to an API would have carried.
import { once } from 'node:events';
import { createServer } from 'node:http';
import { credential, startSupervisor } from 'tokenvisor';
import { clientCredentials, env } from 'tokenvisor/providers';

const main = async () => {
  const supervisor = await startSupervisor({
    api: credential({
      provider: clientCredentials({
        issuer: process.env['ISSUER'] ?? '',
        clientId: process.env['CLIENT_ID'] ?? '',
        clientSecret: env('CLIENT_SECRET'),
      }),
    }),
  });
  await supervisor.ready();
  const server = createServer((_request, response) => response.end(String(supervisor.children.api.current())));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  process.send?.(server.address());
  process.once('message', () => {
    server.close();
    void supervisor.close().then(() => process.disconnect());
  });
};

// No top-level await: the bundle is CommonJS.
main().catch((/** @type {unknown} */ error) => {
  process.exitCode = 1;
  process.send?.({ error: String(error) });
  process.disconnect();
});
