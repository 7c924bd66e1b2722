/**
 * No secret in what is kept, or says that it can't be kept: tables, the files of a store, the errors of a database, the
 * processes that we start.
 */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { inspect } from 'node:util';
import { afterEach, expect, test } from 'vitest';
import { credential, startSupervisor } from 'tokenvisor';
import { breakGlass, revocationLedger, tokenSet } from 'tokenvisor/inbound';
import { literal } from 'tokenvisor/providers';
import { lmdbStore, memoryStore, postgresStore } from 'tokenvisor/storage';
import { SECRET, sign } from '../support/signed-tokens.js';
import { afterTest, cleanUp, supervise } from '../support/supervised.js';

afterEach(cleanUp);

const canary = (): string => randomBytes(18).toString('hex');
const password = canary();
const held = canary();
const minted = canary();
const key = canary();

const seen: string[] = [];
const look = (what: string, value: unknown): void => {
  const options = {
    depth: Infinity,
    showHidden: true,
    getters: true,
    maxArrayLength: Infinity,
    maxStringLength: Infinity,
  };
  seen.push(`${what}: ${inspect(value, options)}`);
  try {
    seen.push(`${what}: ${JSON.stringify(value)}`);
  } catch {
    // It has none.
  }
  try {
    seen.push(`${what}, cloned: ${inspect(structuredClone(value), options)}`);
  } catch {
    // It can't be.
  }
  for (let error = value; error instanceof Error; error = error.cause) seen.push(`${what}: ${error.stack}`);
};

const failing = async (what: string, run: () => Promise<unknown>): Promise<void> => {
  await run().then(
    (value) => look(what, value),
    (error: unknown) => look(what, error),
  );
};

/** What others on the machine see of the processes that this one has started. */
const processes = (): string[] => {
  const children = execFileSync('ps', ['-o', 'pid=', '--ppid', String(process.pid)], { encoding: 'utf8' });
  return children
    .trim()
    .split(/\s+/)
    .flatMap((pid) => ['cmdline', 'environ'].map((file) => `/proc/${pid}/${file}`))
    .filter((file) => existsSync(file))
    .map((file) => `${file}: ${readFileSync(file, 'latin1')}`);
};

test('no store, no error of one and no process of one has a token or a password', async () => {
  const directory = mkdtempSync(path.join(tmpdir(), 'tokenvisor-canary-'));
  afterTest(() => rmSync(directory, { recursive: true, force: true }));
  const verify = { secret: SECRET, algorithms: ['HS256'] } as const;
  const module = new URL('./fixtures/canary-listener.mjs', import.meta.url);
  const specs = {
    sessions: tokenSet({ maxEntries: 1_000 }),
    door: breakGlass(),
    inMemory: revocationLedger({ verify, maxEntries: 1_000, store: memoryStore() }),
    inFiles: revocationLedger({ verify, maxEntries: 1_000, store: lmdbStore(path.join(directory, 'ledger')) }),
    api: credential({ provider: { module, export: 'provider' }, options: { token: minted, key: literal(key) } }),
  };
  look('specs', specs);
  const { supervisor, children, heard } = await supervise(specs);
  await supervisor.ready();
  const jwt = await sign(SECRET, 'HS256', { jti: 'a name', sub: 'ann', exp: Math.floor(Date.now() / 1_000) + 600 });
  const built = await children.door.buildAndStore();
  await children.sessions.insert(held);
  for (const ledger of [children.inMemory, children.inFiles]) {
    await ledger.storeToken(jwt, { purpose: 'session' });
    await ledger.revoke(jwt);
    await failing('a token that is refused', () => ledger.revoke(`${jwt}x${held}`));
    look('records', await ledger.getToken({ jti: 'a name' }));
  }
  await children.api.refresh({ timeoutMs: 10_000 });
  const told = (children.api.current().fields as { heard: string[] }).heard;
  expect(told.length).toBeGreaterThan(0);
  seen.push(...told);
  look('a supervisor', supervisor);
  for (const child of Object.values(children)) {
    look(child.name, child);
    look(`${child.name}: handle`, child.handle());
    look(`${child.name}: status`, child.status());
  }
  const inMemory = [children.sessions, children.door, children.inMemory].flatMap((child) => {
    const { memory, table } = child.handle() as { memory: SharedArrayBuffer; table?: { buffer: SharedArrayBuffer } };
    return [memory, ...(table ? [table.buffer] : [])].map((buffer) => Buffer.from(buffer).toString('latin1'));
  });
  expect(inMemory.length).toBe(5);
  const owners = processes();
  expect(owners.join()).toContain('lmdb');
  seen.push(...owners);
  const report = process.report.getReport() as unknown as Record<string, unknown>;
  // What the process was started with is its own.
  delete report['environmentVariables'];
  seen.push(process.title, JSON.stringify(report));

  // Of a database that is away, or whose address is wrong.
  for (const connectionString of [
    `postgres://ann:${password}@127.0.0.1:1/none`,
    `postgres://ann:${password}@[::bad/none`,
    password,
  ]) {
    const store = postgresStore({ connectionString, connectTimeoutMs: 500 });
    look('a store', store);
    await failing('a ledger in Postgres', async () => {
      await using away = await startSupervisor({ revoked: revocationLedger({ verify, maxEntries: 100, store }) });
      away.on('event', heard.note);
      await failing('not ready', () => away.ready({ timeoutMs: 1_500 }));
      look('away', away);
      look('away: status', away.children.revoked.status());
    });
  }
  await supervisor.close();
  for (const event of heard.all) look('an event', event);
  const files = readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .map((file) => path.join(directory, file))
    .filter((file) => /\.(mdb|json)$|owner/.test(file));
  expect(files.length).toBeGreaterThan(0);
  const kept = files.map((file) => readFileSync(file, 'latin1'));
  expect(kept.join()).toContain('a name');

  for (const [what, secret] of Object.entries({ password, held, minted, key, built: built.token, jwt })) {
    const places = [...seen, ...inMemory, ...kept].filter((text) => text.includes(secret));
    // A token that is served lies in its child's memory, and what it was made with in that of its actor: not in these.
    expect(places.map((text) => `${what} in ${text.slice(0, 60)}`)).toEqual([]);
  }
  const all = seen.join('\n');
  for (const sign of ['STORE_UNAVAILABLE', 'TOKEN_REFUSED', 'ledger:revoked', 'SharedArrayBuffer('])
    expect(all).toContain(sign);
});

/** A Postgres that asks for the password as it is, and says it back to whoever gave it. */
const startTelltale = async (): Promise<{ readonly port: number; readonly given: string[] }> => {
  const given: string[] = [];
  const tagged = (tag: string, contents: Buffer): Buffer => {
    const length = Buffer.alloc(4);
    length.writeInt32BE(contents.length + 4);
    return Buffer.concat([Buffer.from(tag), length, contents]);
  };
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => {
      // AuthenticationCleartextPassword.
      socket.write(tagged('R', Buffer.from([0, 0, 0, 3])));
      socket.once('data', (message) => {
        const told = message.subarray(5, -1).toString();
        given.push(told);
        const fields = ['SFATAL', 'VFATAL', 'C28P01', `Mno such password: ${told}`, `D${told}`, `H${told}`];
        socket.end(tagged('E', Buffer.from(`${fields.join('\0')}\0\0`)));
      });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  afterTest(() => server.close());
  return { port: (server.address() as AddressInfo).port, given };
};

test('a database says a password back: nobody else does', async () => {
  const { port, given } = await startTelltale();
  const secrets = Array.from({ length: 4 }, () => `p@:${canary()}`);
  const [inForm, asItIs, asParameter, apart] = secrets as [string, string, string, string];
  const specs = Object.fromEntries(
    [
      { connectionString: `postgres://ann:${encodeURIComponent(inForm)}@127.0.0.1:${port}/none` },
      { connectionString: `postgres://ann:${asItIs}@127.0.0.1:${port}/none` },
      { connectionString: `postgres://ann@127.0.0.1:${port}/none?password=${encodeURIComponent(asParameter)}` },
      { host: '127.0.0.1', port, user: 'ann', password: apart },
    ].map((options, at) => [`revoked-${at}`, revocationLedger({ maxEntries: 100, store: postgresStore(options) })]),
  );
  const { supervisor, heard } = await supervise(specs);
  const told: unknown[] = [specs];
  for (const at of secrets.keys()) {
    told.push(await heard.next('ledger:store-failed', `revoked-${at}`));
  }
  told.push(await supervisor.ready({ timeoutMs: 10 }).catch((error: unknown) => error), supervisor, ...heard.all);
  const text = inspect(told, { depth: Infinity, showHidden: true }) + JSON.stringify(told);
  expect(new Set(given)).toEqual(new Set(secrets));
  expect(text).toContain('28P01');
  expect(text).not.toContain('no such password');
  expect(secrets.filter((secret) => text.includes(secret.slice(3)))).toEqual([]);
});

test('what holds a secret in a place of its own does not print either: a PEM text with the key, an address as a URL', () => {
  const url = new URL(`postgres://ann:${password}@127.0.0.1/none`);
  const pem = `-----BEGIN CERTIFICATE-----\n${held}\n-----BEGIN PRIVATE KEY-----\n${key}\n`;
  const bytes = Buffer.from(pem);
  const stores = [
    postgresStore({ connectionString: url as unknown as string }),
    postgresStore({ user: 'ann', password: bytes as unknown as string }),
    postgresStore({ user: 'ann', tls: { ca: pem, cert: pem, key: pem } }),
    postgresStore({ user: 'ann', tls: { ca: [pem, bytes as unknown as string], cert: bytes as unknown as string } }),
    postgresStore({ user: 'ann', tls: pem as unknown as boolean }),
  ];
  const text = inspect(stores, { depth: Infinity, showHidden: true }) + JSON.stringify(stores);
  for (const secret of [password, key, bytes.toString('hex', 30, 40).replaceAll(/(..)(?=.)/g, '$1 ')]) {
    expect(text).not.toContain(secret);
  }
  expect(JSON.stringify(bytes)).toContain(',');
  expect(text).not.toContain(JSON.stringify([...bytes.subarray(30, 40)]).slice(1, -1));
});
