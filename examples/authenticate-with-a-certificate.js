// @ts-check
/**
 * A client that authenticates by its certificate (mutual TLS), and gets tokens that are useless without it.
 *
 * What you see: the server asks for a certificate in the TLS handshake, which alone identifies the client.
 * The token is bound to that certificate (RFC 8705): the API accepts it over a connection with the certificate,
 * and refuses it without. A renewed certificate is read for the next mint.
 */
import assert from 'node:assert/strict';
import { randomBytes, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, request } from 'node:https';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { credential, startSupervisor } from 'tokenvisor';
import { clientCredentials, file } from 'tokenvisor/providers';
import { selfSigned } from './support/certificates.js';

const thumbprintOf = (/** @type {string} */ cert) => new X509Certificate(cert).fingerprint256;
const identities = { server: selfSigned('the server'), now: selfSigned('reports'), renewed: selfSigned('reports') };

// An authorization server and an API in one. It knows the certificates of its one client (self_signed_tls_client_auth).
const known = new Set([identities.now, identities.renewed].map(({ cert }) => thumbprintOf(cert)));
/** @type {Map<string, string>} tokens, and whose they are */
const bound = new Map();
const tls = { ...identities.server, requestCert: true, rejectUnauthorized: false };
const server = createServer(tls, async (incoming, response) => {
  const socket = /** @type {import('node:tls').TLSSocket} */ (incoming.socket);
  const thumbprint = socket.getPeerX509Certificate()?.fingerprint256 ?? 'none';
  if (incoming.url === '/orders') {
    const token = incoming.headers.authorization?.slice('Bearer '.length) ?? '';
    return void response.writeHead(bound.get(token) === thumbprint ? 200 : 401).end();
  }
  const form = new URLSearchParams(await text(incoming));
  if (form.get('client_id') !== 'reports' || !known.has(thumbprint)) {
    return void response.writeHead(401).end(JSON.stringify({ error: 'invalid_client' }));
  }
  const token = randomBytes(24).toString('base64url');
  bound.set(token, thumbprint);
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify({ access_token: token, token_type: 'Bearer', expires_in: 3_600 }));
});
await once(server.listen(0, '127.0.0.1'), 'listening');
const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());

const folder = await mkdtemp(path.join(tmpdir(), 'tokenvisor-example-'));
const files = { cert: path.join(folder, 'tls.crt'), key: path.join(folder, 'tls.key') };
/** @param {{ cert: string, key: string }} identity */
const install = ({ cert, key }) =>
  Promise.all([writeFile(files.cert, cert), writeFile(files.key, key, { mode: 0o600 })]);
await install(identities.now);

const supervisor = await startSupervisor({
  reports: credential({
    provider: clientCredentials({
      tokenEndpoint: `https://127.0.0.1:${port}/token`,
      clientId: 'reports',
      clientAuthentication: 'self_signed_tls_client_auth',
      tls: { cert: file(files.cert), key: file(files.key), ca: identities.server.cert },
    }),
  }),
});

/** Asks the API, with a certificate or without. @param {{ cert?: string, key?: string }} identity */
const statusOfOrders = async (identity) => {
  const { authorization } = supervisor.children.reports.current();
  const options = { ...identity, ca: identities.server.cert, agent: false, headers: { authorization } };
  const [response] = await once(request(`https://127.0.0.1:${port}/orders`, options).end(), 'response');
  response.resume();
  return response.statusCode;
};

try {
  await supervisor.ready();
  const { reports } = supervisor.children;
  console.log(`The token:                           ${reports.current()}`);
  const statuses = [await statusOfOrders(identities.now), await statusOfOrders({})];
  console.log(`The API, with the certificate:       ${statuses[0]}`);
  console.log(`The API, with the token alone:       ${statuses[1]}`);
  assert.deepEqual(statuses, [200, 401]);

  await install(identities.renewed);
  console.log(`The token, after a renewal:          ${await reports.refresh()}`);
  console.log(`The API, with the new certificate:   ${await statusOfOrders(identities.renewed)}`);
  assert.equal(await statusOfOrders(identities.renewed), 200);
} finally {
  await supervisor.close();
  server.close();
  await rm(folder, { recursive: true });
}
