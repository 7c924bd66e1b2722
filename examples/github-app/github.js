// @ts-check
/** In place of GitHub: one app with one installation. It verifies the app's JWT as GitHub's documentation says. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';
import { jwtVerify } from 'jose';

const HOUR_MS = 3_600_000;

/** @param {{ appId: string, installationId: number, publicKey: import('node:crypto').KeyObject }} app */
export const startGitHub = async ({ appId, installationId, publicKey }) => {
  let limited = 0;

  /** @param {string} jwt */
  const isOfTheApp = async (jwt) => {
    const { payload } = await jwtVerify(jwt, publicKey, { algorithms: ['RS256'], issuer: appId });
    const { iat = Infinity, exp = Infinity } = payload;
    const nowS = Date.now() / 1_000;
    // Ten minutes from now, and issued in the past: by the clock of GitHub, not by the app's.
    return iat <= nowS && exp <= nowS + 600;
  };

  /** @param {import('node:http').IncomingMessage} incoming */
  const answer = async (incoming) => {
    const { authorization = '', 'user-agent': userAgent } = incoming.headers;
    if (userAgent === undefined) return { status: 403, body: { message: 'administrative rules' } };
    const valid = await isOfTheApp(authorization.replace(/^Bearer /, '')).catch(() => false);
    if (!valid) return { status: 401, body: { message: 'the JWT could not be decoded' } };
    if (limited > 0) {
      limited -= 1;
      const resetAtS = Math.ceil(Date.now() / 1_000) + 1;
      const headers = { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': String(resetAtS) };
      return { status: 403, headers, body: { message: 'API rate limit exceeded' } };
    }
    if (incoming.url !== `/app/installations/${installationId}/access_tokens` || incoming.method !== 'POST') {
      return { status: 404, body: { message: 'Not Found' } };
    }
    const { repositories, permissions } = JSON.parse(await text(incoming));
    const body = {
      token: `ghs_${randomBytes(18).toString('hex')}`,
      expires_at: new Date(Date.now() + HOUR_MS).toISOString(),
      permissions: permissions ?? { contents: 'write', metadata: 'read' },
      ...(repositories && {
        repository_selection: 'selected',
        repositories: repositories.map((/** @type {string} */ name) => ({ name, full_name: `octo-org/${name}` })),
      }),
    };
    return { status: 201, body };
  };

  const server = createServer(async (incoming, response) => {
    const { status, headers, body } = await answer(incoming);
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  return {
    baseUrl: `http://127.0.0.1:${port}`,
    /** So many requests to come are over the rate limit. @param {number} requests */
    limit: (requests) => void (limited = requests),
    close: () => void server.close(),
  };
};
