/**
 * Everything that can be called, called with whatever may come: it works, or it is refused with an error of a documented
 * code; nothing hangs, no promise is lost, and the object works afterwards. What is new and not in the table fails the test.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, expect, test } from 'vitest';
import * as main from 'tokenvisor';
import * as own from 'tokenvisor/actor';
import * as inbound from 'tokenvisor/inbound';
import * as providers from 'tokenvisor/providers';
import * as storage from 'tokenvisor/storage';
import * as testing from 'tokenvisor/testing';
import { ROOT } from '../run/setup.mjs';
import { faultIn, HOSTILE } from '../support/hostile-values.mjs';
import { publicSurface } from '../support/public-surface.js';
import { SECRET } from '../support/signed-tokens.js';
import { cleanUp, supervise } from '../support/supervised.js';

afterEach(cleanUp);

const module = new URL('./fixtures/fuzz-kinds.mjs', import.meta.url);

const codes = new Set(
  [...readFileSync(path.join(ROOT, 'docs/reference/errors.md'), 'utf8').matchAll(/^\| `([A-Z_]+)` +\|/gm)].map(
    ([, code = '']) => code,
  ),
);

/** What is called, and what of it is good: each argument in turn is replaced by every hostile value. */
type Calls = Readonly<Record<string, readonly [run: (...given: never[]) => unknown, ...valid: unknown[]]>>;

const faultsOf = async (calls: Calls): Promise<string[]> => {
  const faults: string[] = [];
  for (const [name, [run, ...valid]] of Object.entries(calls)) {
    const tried = Object.entries(HOSTILE).flatMap(([what, make]) =>
      valid.map(async (_, place) => {
        const given = [...valid];
        given[place] = make();
        const fault = await faultIn(() => (run as (...all: unknown[]) => unknown)(...given), codes, what);
        return fault === undefined ? [] : [`${name}, argument ${place + 1}: ${what}: ${fault}`];
      }),
    );
    faults.push(...(await Promise.all(tried)).flat());
  }
  return faults;
};

/** The methods of an object by name, bound, each with its good arguments. */
const methods = (name: string, object: object, given: Readonly<Record<string, readonly unknown[]>>): Calls =>
  Object.fromEntries(
    Object.entries(given).map(([method, valid]) => [
      `${name}.${method}`,
      [(object as Record<string, (...all: never[]) => unknown>)[method]!.bind(object), ...valid] as const,
    ]),
  );

const tables = {
  insert: ['token', { timeoutMs: 5_000 }],
  destroy: ['token', { timeoutMs: 5_000 }],
  existsOrdered: ['token', { timeoutMs: 5_000 }],
  insertMany: [['a', 'b'], { timeoutMs: 5_000 }],
  destroyMany: [['a', 'b'], { timeoutMs: 5_000 }],
  clear: [{}],
  expungeExpired: [{}],
  exists: ['token'],
  lookup: ['token'],
} as const;

const wait = { timeoutMs: 3_000 };
const reads = {
  get: [wait],
  waitSync: [{ timeoutMs: 1 }],
  refresh: [wait],
  invalidate: ['another', wait],
} as const;

const ledgers = {
  revoke: ['token', {}],
  revokeJti: ['jti', {}],
  revokeMany: [['a.b.c'], {}],
  revokeAllForSubject: ['subject', {}],
  storeToken: ['token', { purpose: 'x' }],
  getToken: [{ jti: 'a' }, {}],
  storeConfirmationChanges: ['token', { purpose: 'x', changes: {} }],
  getConfirmationChanges: ['jti', {}],
  readExpired: [{}],
  expungeExpired: [{}],
  isRevoked: ['token'],
  isJtiRevoked: ['jti', { subject: 'x', issuedAtMs: 1 }],
} as const;

/** What there is to be called, tried by name; each name once. */
const tried = new Set<string>();
const try_ = async (calls: Calls): Promise<string[]> => {
  for (const name of Object.keys(calls)) tried.add(name);
  return faultsOf(calls);
};

const LONG = { timeoutMs: 20_000 };

/** Tried in their own threads, by the fixture. */
const OF_AN_ACTOR = [
  ...['publish', 'seal', 'setStatus', 'reply', 'replyError', 'send', 'sendAfter', 'startTask', 'emit'].map(
    (method) => `ActorContext.${method}`,
  ),
  ...['load', 'add', 'store', 'compareExchange'].map((method) => `ActorWords.${method}`),
  ...['reserve', 'put', 'remove', 'expunge'].map((method) => `TableWriter.${method}`),
  ...['get', 'has', 'find', 'findRow', 'writeRow'].map((method) => `TableWriter.${method}`),
  ...['secret', 'token', 'request', 'warm'].map((method) => `ProviderContext.${method}`),
  'Vault.write',
  'Clock.setTimer',
];

/** What others write and we call, or what is the same method under another name. */
const NOT_OURS =
  /^(Provider|ProviderObject|ProviderSession|Behaviour|Store|StoreContext|StoreChanges|From|\w+Options)\b/;
const SAME: Readonly<Record<string, string>> = {
  ActorClient: 'Actor',
  ActorReader: 'Actor',
  BreakGlassClient: 'BreakGlass',
  BreakGlassReader: 'BreakGlass',
  ProviderFunctionContext: 'ProviderContext',
  RevocationLedgerClient: 'RevocationLedger',
  RevocationLedgerReader: 'RevocationLedger',
  TokenSetClient: 'TokenSet',
  TokenSetReader: 'TokenSet',
};

test('every function that is exported', async () => {
  const grant = { tokenEndpoint: 'https://a.example/token', clientId: 'c', clientSecret: 'a literal' };
  const clock = testing.createSimulatedClock();
  const test = testing.createTestCredential(['a token']);
  const source = { on: () => undefined, off: () => undefined };
  const faults = await try_({
    actor: [main.actor, { behaviour: module }],
    attach: [main.attach, {}],
    breakGlass: [inbound.breakGlass, {}],
    credential: [main.credential, { provider: module }],
    expirySeconds: [main.expirySeconds, 1, 'up'],
    logEvents: [main.logEvents, source, () => undefined],
    revocationLedger: [inbound.revocationLedger, {}],
    tokenSet: [inbound.tokenSet, {}],
    startSupervisor: [(...given) => main.startSupervisor(...(given as [never])).then((one) => one.close()), {}, {}],
    clientCredentials: [providers.clientCredentials, grant],
    refreshToken: [providers.refreshToken, { ...grant, refreshToken: 'x', store: 'memory' }],
    jwtBearer: [providers.jwtBearer, grant],
    tokenExchange: [providers.tokenExchange, grant],
    googleServiceAccount: [providers.googleServiceAccount, {}],
    fileStore: [providers.fileStore, '/tmp/nowhere/store.json'],
    env: [providers.env, 'NAME'],
    file: [providers.file, '/tmp/nowhere'],
    literal: [providers.literal, 'x'],
    tokenOf: [providers.tokenOf, 'api'],
    noReply: [own.noReply, 1],
    proceed: [own.proceed, 1, 1],
    reply: [own.reply, 1, 1],
    stop: [own.stop, 'normal', 1],
    readSecret: [storage.readSecret, 'x'],
    postgresMigrations: [storage.postgresMigrations, {}],
    postgresSchema: [storage.postgresSchema, {}],
    lmdbStore: [storage.lmdbStore, { path: '/tmp/nowhere' }],
    memoryStore: [storage.memoryStore, undefined],
    postgresStore: [storage.postgresStore, { connectionString: 'postgres://127.0.0.1:1/none' }],
    killChildThread: [testing.killChildThread, {}, 'x'],
    killSupervisorThread: [testing.killSupervisorThread, {}],
    createSimulatedClock: [testing.createSimulatedClock, {}],
    createTestCredential: [
      (...given) => testing.createTestCredential(...(given as unknown as [never])).close(),
      ['a token'],
      { eager: false },
    ],
    'SimulatedClock.advance': [(ms) => clock.advance(ms), 1],
    'SimulatedClock.advanceAsync': [(ms) => clock.advanceAsync(ms), 1],
    'SimulatedClock.stepWall': [(ms) => clock.stepWall(ms), 1],
    'SimulatedClock.setTimer': [
      (...given) => clock.setTimer(...(given as unknown as [number, () => void])),
      1,
      () => undefined,
    ],
    'ProviderError::transient': [(...given) => main.ProviderError.transient(...(given as [never])), 'x', {}],
    'ProviderError::fatal': [(...given) => main.ProviderError.fatal(...(given as [never])), 'x', {}],
    'TokenvisorError::@@hasInstance': [(value) => (value as unknown) instanceof main.TokenvisorError, 1],
    'ProviderError::@@hasInstance': [(value) => (value as unknown) instanceof main.ProviderError, 1],
    'BulkError::@@hasInstance': [(value) => (value as unknown) instanceof inbound.BulkError, 1],
    'SecretReference::@@hasInstance': [(value) => (value as unknown) instanceof providers.SecretReference, 1],
    'TokenReference::@@hasInstance': [(value) => (value as unknown) instanceof providers.TokenReference, 1],
    ...methods('TestCredential', test, {
      push: ['a token'],
      ready: [LONG],
      on: ['child:started', () => undefined],
      once: ['child:started', () => undefined],
      off: ['child:started', () => undefined],
    }),
  });
  await test.close();
  expect(faults).toEqual([]);
});

/** Whatever `attach()` returns, as it is used here. */
interface WriterOrReader {
  call(message: unknown): Promise<unknown>;
  exists(token: string): boolean;
}

test('every method of a running supervisor and its children', async () => {
  expect(codes.size).toBeGreaterThan(25);
  const verify = { secret: SECRET, algorithms: ['HS256'] } as const;
  const { supervisor, children, heard } = await supervise({
    api: main.credential({ provider: { module, export: 'plain' } }),
    looking: main.credential({
      provider: { module, export: 'provider' },
      options: { codes: [...codes], reference: providers.tokenOf('api') },
    }),
    kind: main.actor({ behaviour: { module, export: 'fuzzed' }, table: true }),
    door: inbound.breakGlass(),
    set: inbound.tokenSet({ maxEntries: 1_000 }),
    revoked: inbound.revocationLedger({ verify, maxEntries: 1_000 }),
    cut: inbound.revocationLedger({ verify, maxEntries: 1_000, cutoffs: true, maxTokenLifetimeMs: 3_600_000 }),
  });
  await supervisor.ready();
  const attach = main.attach as unknown as (handle: unknown) => WriterOrReader;
  const { api, kind, door, set, revoked, cut } = children;
  const writers = {
    kind: attach(await kind.writer()),
    door: attach(await door.writer()),
    set: attach(await set.writer()),
    cut: attach(await cut.writer()),
  };
  const calls: Calls = {
    ...methods('Credential', api, { update: [{ leadMs: 1 }, { overlapMs: 0 }], resume: [wait], ...reads }),
    ...methods('CredentialReader', attach(api.handle()), reads),
    ...methods('Actor', kind, { call: ['x', wait], cast: ['x'], update: [{}], resume: [wait] }),
    ...methods('ActorWriter', writers.kind, { call: ['x', wait], cast: ['x'] }),
    ...methods('ReaderWords', kind.words, { load: [1], add: [1, 1] }),
    ...methods('TableReader', kind.table, {
      get: ['key', 0],
      has: ['key', 0],
      find: ['key', 0],
      findRow: [new Int32Array(5), 0],
      writeRow: [new Int32Array(5), 0, 'key', 1, 1, 0],
    }),
    ...methods('BreakGlass', door, { buildAndStore: [wait], delete: ['x', wait], lookup: ['x'] }),
    ...methods('BreakGlassWriter', writers.door, { buildAndStore: [wait], delete: ['x', wait], lookup: ['x'] }),
    ...methods('TokenSet', set, tables),
    ...methods('TokenSetWriter', writers.set, tables),
    ...methods('RevocationLedger', revoked, ledgers),
    ...methods('RevocationLedgerWriter', writers.cut, ledgers),
    ...methods('TokenSupervisor', supervisor, {
      on: ['child:started', () => undefined],
      once: ['child:started', () => undefined],
      off: ['child:started', () => undefined],
      ready: [wait],
      startChild: ['another', {}],
      terminateChild: ['nobody'],
      restartChild: ['nobody'],
      deleteChild: ['nobody'],
    }),
  };
  const looked = (children.looking.current().fields as { seen: string[] }).seen;
  for (const name of OF_AN_ACTOR) tried.add(name);
  const faults = [...looked, ...(await kind.call<string[]>({ look: [...codes] }, LONG)), ...(await try_(calls))];
  expect(faults).toEqual([]);

  // All of it works as it did.
  expect(api.current().value).toMatch(/^token-\d+$/);
  expect((await api.refresh({ timeoutMs: 10_000 })).generation).toBeGreaterThan(1);
  expect(await kind.call('x')).toBe('string');
  expect(await writers.kind.call('x')).toBe('string');
  const built = await door.buildAndStore();
  expect(door.lookup(built.token)).toBeDefined();
  await set.insert('afterwards');
  expect(writers.set.exists('afterwards')).toBe(true);
  expect(await revoked.revokeJti('afterwards')).toBe('revoked');
  expect([revoked.isJtiRevoked('afterwards'), revoked.isJtiRevoked('never')]).toEqual([true, false]);
  expect(cut.status().open).toBe(true);
  expect(Object.values(supervisor.health().children)).not.toContain('down');
  expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  expect(heard.of('child:exited')).toEqual([]);

  // Names of what objects have are names like any other.
  for (const name of ['__proto__', 'constructor', 'toString']) {
    const child = await supervisor.startChild(name, main.actor({ behaviour: { module, export: 'fuzzed' } }));
    expect(await child.call('x')).toBe('string');
    expect(Object.keys(supervisor.children)).toContain(name);
    await supervisor.terminateChild(name);
    await supervisor.deleteChild(name);
  }
  expect(Object.keys(supervisor.children)).toHaveLength(7);
  expect(await try_(methods('TokenSupervisor', supervisor, { close: [LONG] }))).toEqual([]);
  await supervisor.close();
});

test('whatever else is exported', () => {
  const missing = publicSurface()
    // Constructors: what they make is made by us; and an error takes whatever it is given.
    .filter((name) => !NOT_OURS.test(name) && !name.startsWith('new '))
    .map((name) => name.replace(/^\w+(?=\.)/, (type) => SAME[type] ?? type))
    .filter((name) => !tried.has(name));
  expect(missing).toEqual([]);
});
