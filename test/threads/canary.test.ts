/**
 * No secret anywhere: a process full of secrets fails in every way, and neither its output nor anything that can be
 * seen of its objects, events and errors has one of them in it.
 */
import { fork } from 'node:child_process';
import { createPrivateKey, generateKeyPairSync, type KeyObject, randomBytes, X509Certificate } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { TLSSocket } from 'node:tls';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createAuthority } from '../support/certificates.js';
import { serve, type ScriptedAnswer, type SeenRequest } from '../support/http-server.js';

/** The part of a canary that no encoding for URLs or JSON changes. */
const cores = {
  literal: randomBytes(12).toString('hex'),
  env: randomBytes(12).toString('hex'),
  file: randomBytes(12).toString('hex'),
  refresh: randomBytes(12).toString('hex'),
  access: randomBytes(12).toString('hex'),
  own: randomBytes(12).toString('hex'),
  assertion: randomBytes(12).toString('hex'),
  subject: randomBytes(12).toString('hex'),
  older: randomBytes(12).toString('hex'),
  newer: randomBytes(12).toString('hex'),
  passphrase: randomBytes(12).toString('hex'),
};

interface Key {
  readonly pem: string;
  readonly scalar: string;
  readonly jwk: string;
}
const keyOf = (privateKey: KeyObject): Key => {
  const jwk = privateKey.export({ format: 'jwk' });
  return {
    pem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    scalar: jwk.d!,
    jwk: JSON.stringify(jwk),
  };
};
const newKey = (): Key => keyOf(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey);

const authority = createAuthority('an authority');
const certificates = { literal: authority.issue(), file: authority.issue() };
const keys = {
  literal: newKey(),
  file: newKey(),
  jwk: newKey(),
  older: newKey(),
  newer: newKey(),
  certificate: keyOf(createPrivateKey(certificates.literal.key)),
  certificateFile: keyOf(createPrivateKey(certificates.file.key)),
};
const encrypted = createPrivateKey(certificates.literal.key)
  .export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: cores.passphrase })
  .toString();
const account = generateKeyPairSync('rsa', { modulusLength: 2_048 }).privateKey;
const accountPem = account.export({ type: 'pkcs8', format: 'pem' }).toString();

/** The lines of a PEM, less what all keys of its kind begin with. */
const linesOf = (pem: string): string[] =>
  pem
    .split('\n')
    .slice(1, -2)
    .map((line, index) => (index === 0 ? line.slice(36) : line))
    .filter((line) => line.length > 16);

/** What tells a private key, in each of its forms: every line of its PEM, because messages may be cut, and its number. */
const keyForms: readonly { readonly name: string; readonly form: string }[] = [
  ...Object.entries(keys).flatMap(([name, { pem, scalar }]) => [
    ...linesOf(pem).map((form) => ({ name: `key ${name}`, form })),
    { name: `key ${name}`, form: scalar },
    { name: `key ${name}`, form: Buffer.from(scalar, 'base64url').toString('hex') },
  ]),
  ...linesOf(encrypted).map((form) => ({ name: 'key encrypted', form })),
  ...linesOf(accountPem).map((form) => ({ name: 'key of the account', form })),
  { name: 'key of the account', form: account.export({ format: 'jwk' }).d!.slice(0, 60) },
];

/** How a text looks in base64, whatever stands before it; in hexadecimal; and in a dump of bytes. */
const formsOf = (core: string): string[] => {
  const inBase64 = [0, 1, 2].map((before) => {
    const encoded = Buffer.from(`${'-'.repeat(before)}${core}`)
      .toString('base64')
      .replace(/=+$/, '');
    return encoded.slice(before === 0 ? 0 : 4, -2);
  });
  const bytes = Buffer.from(core).toString('hex');
  return [core, ...inBase64, bytes, bytes.replaceAll(/(..)(?=.)/g, '$1 ')];
};

const forms = [
  ...Object.entries(cores).flatMap(([name, core]) => formsOf(core).map((form) => ({ name, form }))),
  ...keyForms,
];

/** Which canaries are in a text, with what is around them. */
const canariesIn = (text: string): string[] =>
  forms.flatMap(({ name, form }) => {
    const at = text.indexOf(form);
    return at < 0 ? [] : [`${name} in …${text.slice(Math.max(0, at - 200), at + form.length + 60)}…`];
  });

/** Names of threads are cut after 15 bytes: a piece is enough to tell what one was made of. */
const PIECE = 12;
const piecesOf = (text: string): string[] =>
  Array.from({ length: Math.max(0, text.length - PIECE + 1) }, (_, at) => text.slice(at, at + PIECE));

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'tokenvisor-canary-'));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

/** The signatures of the assertions that were sent: whoever has one can ask in the client's name for a while. */
const signatures = new Set<string>();
const noteAssertion = (assertion: string | null): void => {
  const [, , signature] = (assertion ?? '').split('.');
  if (signature !== undefined && signature.length > 40) signatures.add(signature.slice(0, 40));
};

/** A server that says all that it was sent. */
const answer = ({ path: at, headers, form }: SeenRequest): ScriptedAnswer => {
  for (const name of ['client_assertion', 'assertion']) noteAssertion(form.get(name));
  const said = `${headers.authorization ?? ''} ${form.toString()} ${cores.literal} ${cores.refresh}`;
  switch (at) {
    case '/good':
      return {
        body: {
          access_token: `access-${cores.access}`,
          token_type: 'Bearer',
          expires_in: 3_600,
          refresh_token: `next-${cores.refresh}`,
        },
      };
    case '/denied':
      return {
        status: 401,
        headers: { 'www-authenticate': `Basic realm="${cores.literal}"` },
        body: { error: 'invalid_client', error_description: said, error_uri: `https://a.example/?${said}` },
      };
    case '/echo':
      return { status: 400, body: { error: cores.literal, error_description: said } };
    case '/broken':
      return { status: 500, body: said };
    case '/malformed':
      return { body: `{"access_token": "${said}` };
    case '/newline':
      return { body: { access_token: `access-${cores.access}\n${said}`, token_type: 'Bearer', expires_in: 60 } };
    case '/redirect':
      return { status: 302, headers: { location: `https://a.example/?${encodeURIComponent(said)}` } };
    default:
      return { fault: 'cut' };
  }
};

interface Told {
  readonly gathered: readonly string[];
  readonly names: readonly string[];
  readonly threads: number;
}

test('a canary is found where there is one', () => {
  for (const text of [
    `x${cores.env}y`,
    Buffer.from(`client:${cores.env}`).toString('base64'),
    Buffer.from(`c:p-${cores.env}`).toString('base64url'),
    encodeURIComponent(`%/${cores.env}`),
    keys.jwk.jwk,
    keys.file.pem.split('\n')[2]!,
    JSON.stringify({ private_key: accountPem }).slice(500, 600),
  ]) {
    expect(canariesIn(text), text).toHaveLength(1);
  }
  expect(canariesIn('nothing of the kind')).toEqual([]);
});

/** Over TLS; it asks clients for their certificates, and takes any, or none that it does not know. */
const serveTls = (rejectUnauthorized: boolean, shown: Set<string>): ReturnType<typeof serve> =>
  serve(
    answer,
    (listener) =>
      createServer({ ...authority.issue(), requestCert: true, rejectUnauthorized }, (request, response) => {
        const { fingerprint256 } = (request.socket as TLSSocket).getPeerCertificate();
        shown.add(`${request.url} ${fingerprint256}`);
        listener(request, response);
      }),
    'https',
  );

test('a process full of secrets, failing in every way, tells none', { timeout: 180_000 }, async () => {
  await using server = await serve(answer);
  const shown = new Set<string>();
  await using mtls = await serveTls(false, shown);
  await using strict = await serveTls(true, shown);
  const certificateFiles = {
    certFile: path.join(directory, 'cert.pem'),
    certKeyFile: path.join(directory, 'cert-key.pem'),
    bundleFile: path.join(directory, 'bundle.pem'),
  };
  await writeFile(certificateFiles.certFile, certificates.file.cert);
  await writeFile(certificateFiles.certKeyFile, certificates.file.key);
  await writeFile(certificateFiles.bundleFile, `${certificates.file.key}${certificates.file.cert}`);
  const envSecret = `env/+%&:${cores.env}`;
  const secrets = {
    literal: `literal/+%&:${cores.literal}`,
    refresh: `refresh-${cores.refresh}`,
    token: `own-${cores.own}`,
    key: keys.literal.pem,
    jwk: keys.jwk.jwk,
    broken: `{"private_key": "${accountPem}`,
    assertion: `assertion.${cores.assertion}.x`,
    subject: `subject-${cores.subject}`,
    older: `older/+%&:${cores.older}`,
    newer: `newer/+%&:${cores.newer}`,
    olderKey: keys.older.pem,
    newerKey: keys.newer.jwk,
    certKey: certificates.literal.key,
    encrypted,
    passphrase: cores.passphrase,
  };
  const secretFile = path.join(directory, 'secret');
  const fileSecret = `file/+%&:${cores.file}`;
  await writeFile(secretFile, `${fileSecret}\n`);
  const keyFile = path.join(directory, 'key.pem');
  await writeFile(keyFile, keys.file.pem);
  const accountFile = path.join(directory, 'account.json');
  await writeFile(
    accountFile,
    JSON.stringify({
      ...{ type: 'service_account', private_key_id: 'k', client_email: 'a@b.example' },
      ...{ private_key: accountPem, token_uri: `${server.origin}/denied` },
    }),
  );
  const child = fork(new URL('./fixtures/canary.mjs', import.meta.url), [], {
    execArgv: [],
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    env: {
      PATH: process.env['PATH'],
      CANARY_SECRET: envSecret,
      CANARY: JSON.stringify({
        origin: server.origin,
        secretFile,
        storeFile: path.join(directory, 'store.json'),
        keyFile,
        accountFile,
        ...certificateFiles,
        ...{ mtls: mtls.origin, strict: strict.origin, ca: authority.cert, cert: certificates.literal.cert },
        ...secrets,
      }),
    },
  });
  let output = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (output += text));
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (output += text));
  let told: Told = { gathered: [], names: [], threads: 0 };
  child.on('message', (message) => (told = message as Told));
  const code = await new Promise((resolve) => child.once('close', resolve));
  expect(code, output).toBe(0);

  const { gathered, names, threads } = told;

  // It has told what it was to tell: the test looks at something.
  const all = gathered.join('\n');
  for (const sign of [
    'MINT_FAILED',
    'PARKED',
    'TIMEOUT',
    'CONFIG_INVALID',
    'START_FAILED',
    'STOPPED',
    'mint:succeeded',
    'mint:failed',
    'child:exited',
    'child:parked',
    'supervisor:exited',
    'supervisor:report',
    'ambiguous_exchange',
    'restart_intensity',
    'fatal_answer',
    'Token(',
    'SecretReference(',
    '[redacted]',
    'TOKENVISOR_UNHEARD',
    'a listener that throws',
    'channel tokenvisor:refresh',
    'tls_failed',
    '"previous":true',
  ]) {
    expect(all).toContain(sign);
  }
  expect(output).toContain('mint:failed');
  expect(all).toMatch(/witness \(result\): \{"env":\{\},"argv":\[\],"execArgv":\[\]/);
  expect(server.seen.some(({ headers }) => canariesIn(headers.authorization ?? '').length > 0)).toBe(true);

  // The older and the newer were both refused, by each proof that was rotated.
  const denied = [...server.seen, ...mtls.seen].filter(({ path: at }) => at === '/denied');
  const posted = denied.map(({ headers, form }) => `${headers.authorization ?? ''} ${form.toString()}`);
  for (const core of [cores.older, cores.newer]) {
    expect(posted.filter((text) => formsOf(core).some((form) => text.includes(form))).length).toBeGreaterThanOrEqual(2);
  }
  for (const { cert } of Object.values(certificates)) {
    expect([...shown]).toContain(`/denied ${new X509Certificate(cert).fingerprint256}`);
  }
  expect(strict.seen).toEqual([]);

  // Threads were seen while they lived, from inside, from outside and in the report.
  expect(threads).toBeGreaterThan(20);
  if (process.platform === 'linux') expect(names.length).toBeGreaterThan(2 * threads);
  const wholes = [...Object.values(secrets), envSecret, fileSecret];
  const pieces = new Set([...wholes, ...forms.map(({ form }) => form)].flatMap(piecesOf));
  expect(names.filter((name) => piecesOf(name).some((piece) => pieces.has(piece)))).toEqual([]);

  // Each way to sign was gone.
  expect(signatures.size).toBeGreaterThanOrEqual(8);
  for (const signature of signatures) forms.push({ name: 'an assertion', form: signature });

  expect(canariesIn(output)).toEqual([]);
  expect(gathered.flatMap(canariesIn).slice(0, 5)).toEqual([]);
});
