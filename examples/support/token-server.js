// @ts-check
/**
 * A token endpoint (RFC 6749 §3.2) of a few lines, for grants that an example checks by itself: it reads
 * the form, and turns the example's decision into an answer.
 */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';

/**
 * Starts the server. `decide` throws to refuse; its message is the OAuth error.
 *
 * @param {(form: Record<string, string>) => Promise<{ expiresInS: number } & Record<string, unknown>>} decide
 */
export const startTokenServer = async (decide) => {
  const server = createServer(async (request, response) => {
    const headers = { 'content-type': 'application/json', 'cache-control': 'no-store' };
    try {
      const form = Object.fromEntries(new URLSearchParams(await text(request)));
      const { expiresInS, ...more } = await decide(form);
      const answer = {
        access_token: randomBytes(24).toString('base64url'),
        token_type: 'Bearer',
        expires_in: expiresInS,
        ...more,
      };
      response.writeHead(200, headers).end(JSON.stringify(answer));
    } catch (error) {
      // Errors of jose belong into a server's log, not to its clients.
      const code = /^\w+$/.test(error.message) ? error.message : 'invalid_grant';
      response.writeHead(400, headers).end(JSON.stringify({ error: code }));
    }
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  return {
    tokenEndpoint: `http://127.0.0.1:${port}/token`,
    close: () => void server.close(),
  };
};
