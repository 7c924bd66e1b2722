/**
 * No secret anywhere: a process full of secrets fails in every way, and neither its output nor anything that can be
 * seen of its objects, events and errors has one of them in it.
 */
import { fork } from 'node:child_process';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
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
};

const newKey = (): { readonly pem: string; readonly scalar: string; readonly jwk: string } => {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const jwk = privateKey.export({ format: 'jwk' });
  return {
    pem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    scalar: jwk.d!,
    jwk: JSON.stringify(jwk),
  };
};
const keys = { literal: newKey(), file: newKey(), jwk: newKey() };
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

test('a process full of secrets, failing in every way, tells none', async () => {
  await using server = await serve(answer);
  const secretFile = path.join(directory, 'secret');
  await writeFile(secretFile, `file/+%&:${cores.file}\n`);
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
      CANARY_SECRET: `env/+%&:${cores.env}`,
      CANARY: JSON.stringify({
        origin: server.origin,
        secretFile,
        storeFile: path.join(directory, 'store.json'),
        literal: `literal/+%&:${cores.literal}`,
        refresh: `refresh-${cores.refresh}`,
        token: `own-${cores.own}`,
        keyFile,
        accountFile,
        key: keys.literal.pem,
        jwk: keys.jwk.jwk,
        broken: `{"private_key": "${accountPem}`,
        assertion: `assertion.${cores.assertion}.x`,
        subject: `subject-${cores.subject}`,
      }),
    },
  });
  let output = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (output += text));
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (output += text));
  let gathered: string[] = [];
  child.on('message', (message) => (gathered = message as string[]));
  const code = await new Promise((resolve) => child.once('close', resolve));
  expect(code, output).toBe(0);

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
  ]) {
    expect(all).toContain(sign);
  }
  expect(output).toContain('mint:failed');
  expect(all).toMatch(/witness \(result\): \{"env":\{\},"argv":\[\],"execArgv":\[\]/);
  expect(server.seen.some(({ headers }) => canariesIn(headers.authorization ?? '').length > 0)).toBe(true);

  // Each way to sign was gone.
  expect(signatures.size).toBeGreaterThanOrEqual(8);
  for (const signature of signatures) forms.push({ name: 'an assertion', form: signature });

  expect(canariesIn(output)).toEqual([]);
  expect(gathered.flatMap(canariesIn).slice(0, 5)).toEqual([]);
});
