// @ts-check
/**
 * An API in a process of its own: it verifies the signature, issuer, audience and expiry of each token that it is sent,
 * with no tolerance. It fetches the keys once, so it goes on while the authorization server is away.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createLocalJWKSet, jwtVerify } from 'jose';

process.on('disconnect', () => process.exit());
const [{ issuer }] = await once(process, 'message');
const keys = createLocalJWKSet(/** @type {any} */ (await (await fetch(`${issuer}/jwks`)).json()));

/** @type {import('jose').JWTVerifyOptions} */
const rules = { issuer, audience: 'urn:example:api', typ: 'at+jwt', algorithms: ['ES256'], clockTolerance: 0 };

const server = createServer(async (request, response) => {
  const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1] ?? '';
  const status = await jwtVerify(token, keys, rules).then(
    () => 204,
    () => 401,
  );
  response.writeHead(status).end();
});
// A kept connection is not closed just as the next call is sent on it.
server.keepAliveTimeout = 60_000;
server.listen(0, '127.0.0.1', () => {
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  process.send?.({ url: `http://127.0.0.1:${port}` });
});
