/** Clients that prove who they are by their certificate (RFC 8705): an authorization server that speaks TLS itself. */
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { JWK } from 'jose';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { credential } from 'tokenvisor';
import { clientCredentials, file, literal, type ClientAuthentication } from 'tokenvisor/providers';
import { type AuthorizationServer, startAuthorizationServer } from '../support/authorization-server.mjs';
import { type Certificate, createAuthority } from '../support/certificates.js';
import { cleanUp, supervise } from '../support/supervised.js';

let server: AuthorizationServer;
const authority = createAuthority('an authority');
const ofClients = createAuthority('the clients’ authority');
const NAME = 'reports.client.example';
const own = ofClients.issue({ dnsNames: [NAME] });
const renewed = ofClients.issue({ dnsNames: [NAME] });
/** Signed by nobody that the server knows: such certificates are registered one by one. */
const selfSigned = createAuthority('a client');
const folder = mkdtempSync(path.join(tmpdir(), 'tokenvisor-mtls-'));

/** As clients register a certificate. */
const registered = ({ cert }: Certificate): object => {
  const x509 = new X509Certificate(cert);
  return { ...(x509.publicKey.export({ format: 'jwk' }) as JWK), x5c: [x509.raw.toString('base64')] };
};

beforeAll(async () => {
  const byAuthority = { authentication: 'tls_client_auth' as const, certificateName: NAME };
  server = await startAuthorizationServer({
    tls: { ...authority.issue(), clientCa: ofClients.cert },
    accessTokenTtlS: 60,
    clients: [
      { clientId: 'by-authority', ...byAuthority },
      { clientId: 'strangers', ...byAuthority },
      { clientId: 'replaced', ...byAuthority },
      { clientId: 'by-itself', authentication: 'self_signed_tls_client_auth', keys: [registered(selfSigned)] },
      { clientId: 'secretive', clientSecret: 'a secret beside the certificate' },
    ],
  });
});
afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true });
});
afterEach(cleanUp);

const asking = (clientId: string, certificate: object | undefined, more: object = {}) =>
  credential({
    provider: clientCredentials({
      issuer: server.issuer,
      clientId,
      tls: { ca: authority.cert, ...certificate },
      ...more,
    }),
  });

const seenOf = async (clientId: string) => (await server.seen()).filter((request) => request.clientId === clientId);

const asFiles = ({ cert, key }: Certificate): { cert: string; key: string } => {
  const [certFile, keyFile] = [path.join(folder, 'cert.pem'), path.join(folder, 'key.pem')];
  writeFileSync(certFile, cert);
  writeFileSync(keyFile, key);
  return { cert: certFile, key: keyFile };
};

test.each<[string, Certificate, ClientAuthentication]>([
  ['by-authority', own, 'tls_client_auth'],
  ['by-itself', selfSigned, 'self_signed_tls_client_auth'],
])('%s, said or not, at the endpoint that the issuer names for it', async (clientId, certificate, method) => {
  const { cert, key } = certificate;
  const { supervisor } = await supervise({
    said: asking(clientId, { cert, key }, { clientAuthentication: method }),
    unsaid: asking(clientId, { cert: literal(cert), key: literal(key) }),
  });
  await supervisor.ready();
  const seen = await seenOf(clientId);
  expect(seen).toHaveLength(2);
  for (const request of seen) {
    expect(request).toMatchObject({ status: 200, port: server.mtlsPort, issued: { client_id: clientId } });
    expect([...request.parameters].sort()).toEqual(['client_id', 'grant_type']);
  }
});

describe('refused, and parked', () => {
  const refused = { class: 'fatal', reason: 'oauth_error', oauthError: 'invalid_client', status: 401 };
  const cases: readonly (readonly [string, object])[] = [
    ["a stranger's certificate", createAuthority('somebody else’s').issue({ dnsNames: [NAME] })],
    ['a certificate for another name', ofClients.issue({ dnsNames: ['other.client.example'] })],
    ['one that has expired', ofClients.issue({ dnsNames: [NAME], notAfterMs: Date.now() - 60_000 })],
    ['one that it has signed itself', selfSigned],
  ];

  test.each(cases)('%s', async (_what, certificate) => {
    const { cert, key } = certificate as Certificate;
    const { children, heard } = await supervise({ a: asking('strangers', { cert, key }) });
    expect((await heard.next('mint:failed')).failure).toMatchObject(refused);
    expect((await heard.next('child:parked')).why).toBe('fatal_answer');
    await expect(children.a.get()).rejects.toMatchObject({ code: 'PARKED' });
    expect((await seenOf('strangers')).at(-1)).toMatchObject({ port: server.mtlsPort, error: 'invalid_client' });
  });

  test('a key that is not that of the certificate: nothing is sent', async () => {
    const { cert } = own;
    const before = (await seenOf('strangers')).length;
    const { heard } = await supervise({ a: asking('strangers', { cert, key: renewed.key }) });
    const { failure } = await heard.next('mint:failed');
    expect(failure).toMatchObject({ class: 'fatal', reason: 'tls_failed' });
    expect(JSON.stringify(failure)).not.toContain(renewed.key.slice(40, 70));
    expect(await seenOf('strangers')).toHaveLength(before);
  });

  test('no certificate: a client without any proof is a public one, and goes where those go', async () => {
    // Client credentials without a proof are a problem of the start, so another grant has to ask.
    const { refreshToken } = await import('tokenvisor/providers');
    const { heard } = await supervise({
      a: credential({
        provider: refreshToken({
          issuer: server.issuer,
          clientId: 'strangers',
          refreshToken: 'whatever it is',
          store: 'memory',
          tls: { ca: authority.cert },
        }),
      }),
    });
    expect((await heard.next('mint:failed')).failure).toMatchObject({ class: 'fatal', oauthError: 'invalid_client' });
    expect((await seenOf('strangers')).at(-1)?.port).toBe(Number(new URL(server.issuer).port));
  });
});

test('without the metadata the endpoint is the one that is given', async () => {
  const { cert, key } = own;
  const { children } = await supervise({
    a: credential({
      provider: clientCredentials({
        tokenEndpoint: `https://localhost:${server.mtlsPort}/token`,
        clientId: 'by-authority',
        tls: { ca: authority.cert, cert, key },
      }),
    }),
  });
  expect((await children.a.get()).generation).toBe(1);
});

test('a secret and a certificate: the secret is the proof, the connection shows the certificate', async () => {
  const { cert, key } = own;
  const clientSecret = 'a secret beside the certificate';
  const { children } = await supervise({ a: asking('secretive', { cert, key }, { clientSecret }) });
  await children.a.get();
  expect((await seenOf('secretive'))[0]).toMatchObject({ status: 200, port: server.mtlsPort });
});

test('a certificate and a key that are replaced on disk are those of the next mint', async () => {
  const paths = asFiles(ofClients.issue({ dnsNames: ['not-yet.client.example'] }));
  const { children, heard } = await supervise({
    a: asking('replaced', { cert: file(paths.cert), key: file(paths.key) }),
  });
  expect((await heard.next('mint:failed')).failure).toMatchObject({ oauthError: 'invalid_client' });
  // As an orchestrator does it: each file as a whole, one after the other.
  for (const [target, contents] of [
    [paths.key, renewed.key],
    [paths.cert, renewed.cert],
  ] as const) {
    writeFileSync(`${target}.new`, contents);
    renameSync(`${target}.new`, target);
  }
  expect((await heard.next('child:resumed')).by).toBe('secret');
  expect((await children.a.get()).generation).toBe(1);
  asFiles(createAuthority('somebody else’s').issue({ dnsNames: [NAME] }));
  await expect(children.a.refresh()).rejects.toMatchObject({ code: 'PARKED' });
  expect(children.a.current().generation).toBe(1);
});
