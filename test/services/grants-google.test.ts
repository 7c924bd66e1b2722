/** Google's service accounts: key files in Google's own form, at a server that asks of assertions what Google asks. */
import { createPublicKey } from 'node:crypto';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { inspect } from 'node:util';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { credential } from 'tokenvisor';
import { file, googleServiceAccount, type GoogleServiceAccountOptions } from 'tokenvisor/providers';
import {
  type AuthorizationServer,
  startAuthorizationServer,
  type TrustedIssuer,
} from '../support/authorization-server.mjs';
import { makeKey, piecesOf } from '../support/signing-keys.js';
import { cleanUp, eventually, supervise } from '../support/supervised.js';

let server: AuthorizationServer;
/** Where another key file may lead. */
let moved: AuthorizationServer;
const folder = mkdtempSync(path.join(tmpdir(), 'tokenvisor-google-'));
const [first, second] = [makeKey('rsa'), makeKey('rsa')];
const EMAIL = 'reports@project-1.iam.gserviceaccount.example';

/** All that is in a key file that Google makes. */
const keyFileOf = (key = first, more: object = {}): string =>
  `${JSON.stringify(
    {
      type: 'service_account',
      project_id: 'project-1',
      private_key_id: key === first ? 'key-1' : 'key-2',
      private_key: key.pem,
      client_email: EMAIL,
      client_id: '100000000000000000001',
      auth_uri: 'https://accounts.google.example/o/oauth2/auth',
      token_uri: server.tokenEndpoint,
      auth_provider_x509_cert_url: 'https://www.google.example/oauth2/v1/certs',
      client_x509_cert_url: `https://www.google.example/robot/v1/metadata/x509/${encodeURIComponent(EMAIL)}`,
      universe_domain: 'google.example',
      ...more,
    },
    null,
    2,
  )}\n`;

let files = 0;
/** As orchestrators do it: a file is replaced as a whole. */
const put = (contents: string, target = path.join(folder, `${++files}.json`)): string => {
  writeFileSync(`${target}.new`, contents);
  renameSync(`${target}.new`, target);
  return target;
};

beforeAll(async () => {
  const keys = [
    { ...first.publicJwk, kid: 'key-1' },
    { ...second.publicJwk, kid: 'key-2' },
  ];
  const trusted: TrustedIssuer[] = [{ issuer: EMAIL, keys, subjects: [EMAIL, 'anne@example.com'], google: true }];
  [server, moved] = await Promise.all([
    startAuthorizationServer({ withoutClient: true, accessTokenTtlS: 60, trusted }),
    startAuthorizationServer({ withoutClient: true, accessTokenTtlS: 60, trusted }),
  ]);
});
afterAll(async () => {
  await Promise.all([server.close(), moved.close()]);
  rmSync(folder, { recursive: true });
});
afterEach(cleanUp);

const asking = (keyFile: GoogleServiceAccountOptions['keyFile'], more: object = {}) =>
  credential({ provider: googleServiceAccount({ keyFile, scope: 'read', ...more }) });

const lastSeen = async (of = server) => (await of.seen()).at(-1)!;

test('what Google wants to be told, and nothing more', async () => {
  const { children } = await supervise({ a: asking(file(put(keyFileOf())), { scope: ['read', 'write'] }) });
  expect((await children.a.get()).scopes).toEqual(['read', 'write']);
  const seen = await lastSeen();
  expect(seen).toMatchObject({ status: 200, clientId: null, issued: { sub: EMAIL, scope: 'read write' } });
  expect([...seen.parameters].sort()).toEqual(['assertion', 'grant_type']);
  const { header, payload } = seen.assertion!;
  expect(header).toEqual({ alg: 'RS256', typ: 'JWT', kid: 'key-1' });
  expect(payload).toEqual({
    ...{ iss: EMAIL, aud: server.tokenEndpoint, scope: 'read write' },
    ...{ iat: payload.iat, exp: payload.iat + 3_600, jti: expect.any(String) as string },
  });
});

test('the text of a key file, a user on whose behalf, another endpoint than the file’s', async () => {
  const { supervisor } = await supervise({
    delegated: asking(keyFileOf(), { subject: 'anne@example.com' }),
    elsewhere: asking(keyFileOf(), { tokenEndpoint: moved.tokenEndpoint }),
  });
  await supervisor.ready();
  expect(await lastSeen()).toMatchObject({
    issued: { sub: 'anne@example.com' },
    assertion: { payload: { iss: EMAIL, sub: 'anne@example.com' } },
  });
  expect((await lastSeen(moved)).assertion!.payload).toMatchObject({ aud: moved.tokenEndpoint });
});

test('a key file that is replaced: the next mint has its key, its id and its endpoint', async () => {
  const target = put(keyFileOf());
  const { children } = await supervise({ a: asking(file(target)) });
  await children.a.get();
  put(keyFileOf(second, { token_uri: moved.tokenEndpoint }), target);
  const { tokensIssued } = await server.stats();
  expect((await children.a.refresh()).generation).toBe(2);
  expect(await lastSeen(moved)).toMatchObject({
    assertion: { header: { kid: 'key-2' }, payload: { aud: moved.tokenEndpoint } },
  });
  expect((await server.stats()).tokensIssued).toBe(tokensIssued);
});

test('a user whom it may not speak for, a scope that is not there: the server says so', async () => {
  const { heard } = await supervise({
    user: asking(keyFileOf(), { subject: 'bob@example.com' }),
    scope: asking(keyFileOf(), { scope: 'admin' }),
    unknown: asking(keyFileOf(first, { client_email: 'nobody@example.com' })),
    key: asking(keyFileOf(first, { private_key: makeKey('rsa').pem })),
  });
  const failureOf = async (name: string) => (await heard.next('mint:failed', name)).failure;
  expect(await failureOf('user')).toMatchObject({ class: 'fatal', oauthError: 'invalid_grant' });
  expect(await failureOf('scope')).toMatchObject({ class: 'fatal', oauthError: 'invalid_scope' });
  expect(await failureOf('unknown')).toMatchObject({ class: 'fatal', oauthError: 'invalid_grant' });
  expect(await failureOf('key')).toMatchObject({ class: 'fatal', oauthError: 'invalid_grant' });
});

test('key files that will not do park, say why, and tell nothing of the key; mended, they are tried within seconds', async () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ['{"private_key": "' + first.pem, /not JSON/],
    [JSON.stringify([first.pem]), /not a JSON object/],
    ['null', /not a JSON object/],
    [keyFileOf(first, { type: 'authorized_user' }), /`type`/],
    [keyFileOf(first, { type: undefined }), /`type`/],
    [keyFileOf(first, { private_key: undefined }), /`private_key`/],
    [keyFileOf(first, { private_key: '' }), /`private_key`/],
    [keyFileOf(first, { private_key: { pem: first.pem } }), /`private_key`/],
    [keyFileOf(first, { private_key: first.pem.replace('BEGIN PRIVATE', 'BEGIN ENCRYPTED PRIVATE') }), /private key/],
    [
      keyFileOf(first, { private_key: createPublicKey(first.pem).export({ type: 'spki', format: 'pem' }) }),
      /private key/,
    ],
    [keyFileOf(first, { private_key: makeKey('P-256').pem }), /RS256/],
    [keyFileOf(first, { client_email: undefined }), /`client_email`/],
    [keyFileOf(first, { client_email: '' }), /`client_email`/],
    [keyFileOf(first, { client_email: 7 }), /`client_email`/],
    [keyFileOf(first, { token_uri: 'not a URL' }), /`token_uri`/],
    [keyFileOf(first, { token_uri: 7 }), /`token_uri`/],
    [keyFileOf(first, { token_uri: 'mailto:anne@example.com' }), /`token_uri`/],
    [keyFileOf(first, { token_uri: 'http://oauth.example/token' }), /`token_uri`/],
  ];
  const targets = cases.map(([contents]) => put(contents));
  const { supervisor, children, heard } = await supervise(
    Object.fromEntries(targets.map((target, index) => [`case-${index}`, asking(file(target))] as const)),
    { startConcurrency: 16 },
  );
  for (const [index, [contents, why]] of cases.entries()) {
    const name = `case-${index}`;
    const { failure } = await heard.next('mint:failed', name);
    expect(failure, name).toMatchObject({ class: 'fatal', reason: 'secret_unreadable' });
    expect(failure.message, name).toMatch(why);
    await heard.next('child:parked', name);
    const told = inspect([failure, children[name]!.status(), heard.all], { depth: 9 });
    expect(piecesOf(contents, first.pem).filter((piece) => told.includes(piece) && piece !== EMAIL)).toEqual([]);
  }
  expect((await server.stats()).byClient).not.toHaveProperty('unknown');
  for (const target of targets) put(keyFileOf(), target);
  await eventually('each to be resumed', () => heard.of('child:resumed').length >= cases.length);
  await supervisor.ready();
  expect(new Set(heard.of('child:resumed').map(({ by }) => by))).toEqual(new Set(['secret']));
});

test('a key file that is not there, and then is', async () => {
  const target = path.join(folder, 'later.json');
  const { children, heard } = await supervise({ a: asking(file(target)) });
  expect((await heard.next('mint:failed')).failure).toMatchObject({
    ...{ class: 'fatal', reason: 'secret_unreadable' },
    message: expect.stringContaining(`${target} can't be read: ENOENT`) as string,
  });
  put(keyFileOf(), target);
  expect((await heard.next('child:resumed')).by).toBe('secret');
  expect((await children.a.get()).generation).toBe(1);
});
