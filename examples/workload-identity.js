// @ts-check
/**
 * Workload identity: the platform identifies the process by a token in a file, without any secret.
 *
 * What you see: a platform (Kubernetes, say) puts a signed token for this workload into a file, and replaces it before it
 * expires, by the swap of a link. The authorization server trusts the platform's keys for this client. The file is read
 * for each attempt: so there is a fresh token long after the first assertion has expired.
 */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { jwtVerify, SignJWT } from 'jose';
import { credential, startSupervisor } from 'tokenvisor';
import { clientCredentials, file } from 'tokenvisor/providers';
import { startTokenServer } from './support/token-server.js';

const PLATFORM = 'https://kubernetes.default.svc';
const WORKLOAD = 'system:serviceaccount:shop:reports';
const AUDIENCE = 'api://AzureADTokenExchange';
const ASSERTION_LIFE_S = 2;
const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

// The platform.
const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const folder = await mkdtemp(path.join(tmpdir(), 'tokenvisor-example-'));
let projections = 0;
/** Puts a token beside the last one, and then moves the link: a reader finds the one or the other. */
const projectToken = async () => {
  const token = await new SignJWT()
    .setProtectedHeader({ alg: 'RS256' })
    .setIssuer(PLATFORM)
    .setSubject(WORKLOAD)
    .setAudience(AUDIENCE)
    .setIssuedAt()
    .setExpirationTime(`${ASSERTION_LIFE_S}s`)
    .sign(privateKey);
  const version = `..${++projections}`;
  await mkdir(path.join(folder, version));
  await writeFile(path.join(folder, version, 'token'), token);
  await symlink(version, path.join(folder, '..next'));
  await rename(path.join(folder, '..next'), path.join(folder, '..data'));
};
await projectToken();
await symlink(path.join('..data', 'token'), path.join(folder, 'token'));
const replacing = setInterval(projectToken, (ASSERTION_LIFE_S * 1_000) / 2);

// The authorization server: this client is that workload of that platform.
/** @type {(number | undefined)[]} */
const issuedAtS = [];
const server = await startTokenServer(async (form) => {
  if (form['grant_type'] !== 'client_credentials') throw new Error('unsupported_grant_type');
  if (form['client_id'] !== 'reports' || form['client_assertion_type'] !== ASSERTION_TYPE) {
    throw new Error('invalid_client');
  }
  const checks = { issuer: PLATFORM, subject: WORKLOAD, audience: AUDIENCE };
  const { payload } = await jwtVerify(form['client_assertion'] ?? '', publicKey, checks).catch(() => {
    throw new Error('invalid_client');
  });
  issuedAtS.push(payload.iat);
  return { expiresInS: 3_600 };
});

const supervisor = await startSupervisor({
  reports: credential({
    provider: clientCredentials({
      tokenEndpoint: server.tokenEndpoint,
      clientId: 'reports',
      clientAssertion: file(path.join(folder, 'token')),
      scope: 'https://graph.example/.default',
    }),
  }),
});
try {
  await supervisor.ready();
  const { reports } = supervisor.children;
  console.log(`The token:            ${reports.current()}`);

  console.log(`An assertion lives for ${ASSERTION_LIFE_S} s. Waiting for longer …`);
  await sleep((ASSERTION_LIFE_S + 1) * 1_000);
  console.log(`The token:            ${await reports.refresh()}`);
  const [first = 0, last = 0] = issuedAtS;
  console.log(`Assertions presented: ${issuedAtS.length}, issued ${last - first} s apart`);
  assert.ok(last - first >= ASSERTION_LIFE_S);
} finally {
  clearInterval(replacing);
  await supervisor.close();
  server.close();
  await rm(folder, { recursive: true });
}
