/**
 * What it takes to add a grant: its two files and its line in grants/index.ts. They are added to a copy of the build, whose
 * bundles are made anew as the build makes them, and a credential of that copy gets tokens by it.
 */
import { appendFileSync, cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { inspect } from 'node:util';
import ts from 'typescript';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type * as api from 'tokenvisor';
import type * as providersApi from 'tokenvisor/providers';
import { bundleEntries } from '../run/bundle.mjs';
import { ROOT, SCRATCH } from '../run/setup.mjs';
import { type AuthorizationServer, startAuthorizationServer } from '../support/authorization-server.mjs';
import type * as fixture from './fixtures/added-grant/voucher.js';

const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
const FIXTURE = path.join(import.meta.dirname, 'fixtures/added-grant');
const DIST = path.join(ROOT, 'dist');
const folder = path.join(SCRATCH, `added-grant-${process.pid}`);
/** Of that name, so that Node loads it and not vitest. */
const copy = path.join(folder, 'dist');

/** A file of the fixture, compiled, as if it lay in src/grants. */
const compiled = (file: string): string => {
  const source = readFileSync(path.join(FIXTURE, file), 'utf8')
    .replaceAll("'../../../../src/grants/", "'./")
    .replaceAll("'../../../../src/", "'../");
  const { outputText } = ts.transpileModule(source, {
    compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2023, verbatimModuleSyntax: true },
  });
  return outputText;
};

const filesOf = (dist: string): ReadonlyMap<string, string> =>
  new Map(
    readdirSync(dist, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => path.join(entry.parentPath, entry.name))
      .map((file) => [path.relative(dist, file), readFileSync(file, 'latin1')]),
  );

let server: AuthorizationServer;
let tokenvisor: typeof api;
let providers: typeof providersApi & Pick<typeof fixture, 'voucher'>;
/** The files of the copy that the build has not, or has otherwise. */
let changed: readonly string[];
/** What of its grants/index.js the build has not. */
let added: string;
let voucher: string;
let supervisor: api.TokenSupervisor | undefined;

beforeAll(async () => {
  mkdirSync(folder, { recursive: true });
  cpSync(DIST, copy, { recursive: true });
  // The source's entries: those of the build are bundles already.
  for (const entry of ['credential-runtime', 'every-runtime', 'supervisor-entry', 'verify-entry']) {
    const source = readFileSync(path.join(ROOT, `src/runtime/${entry}.cts`), 'utf8');
    const { outputText } = ts.transpileModule(source, {
      compilerOptions: { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2023 },
    });
    writeFileSync(path.join(copy, `runtime/${entry}.cjs`), outputText);
  }
  for (const file of ['voucher.ts', 'voucher-provider.ts']) {
    writeFileSync(path.join(copy, 'grants', file.replace(/ts$/, 'js')), compiled(file));
  }
  appendFileSync(path.join(copy, 'grants/index.js'), "export { voucher } from './voucher.js';\n");
  await bundleEntries(ROOT, copy);
  const [before, after] = [filesOf(DIST), filesOf(copy)];
  changed = [...after.keys()].filter((file) => after.get(file) !== before.get(file));
  added = after.get('grants/index.js')!.slice(before.get('grants/index.js')!.length);
  // It is in the bundle.
  rmSync(path.join(copy, 'grants/voucher-provider.js'));
  tokenvisor = (await import(pathToFileURL(path.join(copy, 'index.js')).href)) as typeof api;
  providers = (await import(pathToFileURL(path.join(copy, 'grants/index.js')).href)) as typeof providers;

  server = await startAuthorizationServer({
    accessTokenTtlS: 60,
    clients: [
      { clientId: 'user', clientSecret: 'user-secret' },
      { clientId: 'shop', clientSecret: 'shop-secret', grants: [TOKEN_EXCHANGE] },
    ],
  });
  const answer = await fetch(server.tokenEndpoint, {
    method: 'POST',
    headers: { authorization: `Basic ${btoa('user:user-secret')}` },
    body: new URLSearchParams({ grant_type: 'client_credentials', scope: 'read write' }),
  });
  voucher = ((await answer.json()) as { access_token: string }).access_token;
});
afterEach(async () => {
  await supervisor?.close();
  supervisor = undefined;
});
afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});

const spec = (more: object = {}) =>
  providers.voucher({
    ...{ issuer: server.issuer, clientId: 'shop', clientSecret: 'shop-secret', voucher },
    ...more,
  });

const start = async (more: object = {}) => {
  const children = { shop: tokenvisor.credential({ provider: spec(more) }) };
  const started = await tokenvisor.startSupervisor(children);
  supervisor = started;
  return started;
};

test('it takes two files and a line', () => {
  // The bundles are made of the others.
  expect(changed.filter((file) => !/^runtime\/[\w-]+\.cjs$/.test(file)).sort()).toEqual([
    'grants/index.js',
    'grants/voucher-provider.js',
    'grants/voucher.js',
  ]);
  expect(added).toBe("export { voucher } from './voucher.js';\n");
});

test('a credential gets its tokens by it, from the bundle', async () => {
  const { children } = await start({ form: 'jwt', scope: 'read' });
  const token = await children.shop.get();
  expect(token).toMatchObject({ tokenType: 'Bearer', generation: 1 });
  const seen = (await server.seen()).at(-1);
  expect(seen).toMatchObject({
    grantType: TOKEN_EXCHANGE,
    clientId: 'shop',
    subjectToken: { sub: 'user' },
    status: 200,
  });
  expect(seen!.issued).toMatchObject({ sub: 'user', client_id: 'shop', scope: 'read' });
});

test('its options are checked in the starting thread, each problem with its path', async () => {
  const starting = start({ voucher: 7, form: 'paper', vouchr: 'x', parameters: { voucher_id: '1', extra: '2' } });
  await expect(starting).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    problems: [
      { path: 'shop.provider.vouchr', expected: 'a known option (did you mean `voucher`?)', came: 'an unknown one' },
      { path: 'shop.provider.voucher', expected: 'a secret: env(), file() or a non-empty string', came: 'a number' },
      { path: 'shop.provider.form', expected: "'access_token' or 'jwt'", came: "'paper' (string)" },
      {
        path: 'shop.provider.parameters.voucher_id',
        expected: 'left to the grant',
        came: 'an extra parameter of that name',
      },
    ],
  });
});

test('its secret does not print, neither in its spec nor in an event', async () => {
  const prints = inspect(spec(), { depth: null }) + JSON.stringify(spec());
  expect(prints).toContain('voucher');
  expect(prints).not.toContain(voucher);
  const { children } = await start();
  expect(inspect(await children.shop.get())).not.toContain(voucher);
});

test('its proof is tried from before the change, while an overlap lasts', async () => {
  const { children } = await start();
  supervisor!.on('mint:failed', () => undefined);
  await children.shop.get();
  await children.shop.update({ provider: spec({ voucher: 'not-a-voucher-of-this-server' }) }, { overlapMs: 60_000 });
  await expect.poll(() => children.shop.current().generation, { timeout: 20_000 }).toBe(2);
  expect((await server.seen()).slice(-2)).toMatchObject([
    { status: 400, error: 'invalid_grant' },
    { status: 200, subjectToken: { sub: 'user' } },
  ]);
});
