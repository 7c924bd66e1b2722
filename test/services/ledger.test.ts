/** A ledger on the stores that outlive it: kills of its process, several processes, and an engine that is away. */
import { type ChildProcess, fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { revocationLedger, type RevocationLedgerOptions } from 'tokenvisor/inbound';
import { killChildThread } from 'tokenvisor/testing';
import { lmdbStore, postgresStore, type PostgresStoreOptions, type StoreReference } from 'tokenvisor/storage';
import { expungesWhileAhead } from '../support/expunge-ahead.js';
import { startPostgres, type TestPostgres } from '../support/postgres.js';
import { sign } from '../support/signed-tokens.js';
import { afterTest, cleanUp, eventually, supervise } from '../support/supervised.js';
import { startProxy, type TcpProxy } from '../support/tcp-proxy.js';

/** Of the whole; of the stores alone there are 50 in store-contract/durability.test.ts. */
const ROUNDS = 5;
const AT_A_TIME = 20;
const PROCESS = fileURLToPath(new URL('./fixtures/ledger-process.mjs', import.meta.url));

const folder = mkdtempSync(path.join(tmpdir(), 'tokenvisor-ledger-'));
let postgres: TestPostgres;
let proxy: TcpProxy;
beforeAll(async () => {
  postgres = await startPostgres();
  proxy = await startProxy(postgres.port, postgres.host);
});
afterEach(cleanUp);
afterAll(async () => {
  await proxy.close();
  await postgres.stop();
  rmSync(folder, { recursive: true, maxRetries: 20, retryDelay: 100 });
});

interface Told {
  readonly id?: number;
  readonly value?: unknown;
  readonly code?: string;
  readonly heard?: string;
  readonly atMs?: number;
}

/** A ledger in a process of its own. */
class LedgerProcess {
  readonly heard = new Map<string, number>();
  readonly acknowledged: number[] = [];
  readonly #child: ChildProcess;
  readonly #answers = new Map<number, (told: Told) => void>();
  readonly #lines: Promise<unknown>;
  #lastId = 0;

  constructor(child: ChildProcess) {
    this.#child = child;
    child.on('message', (told: Told) => {
      if (told.heard !== undefined) this.heard.set(told.heard, told.atMs ?? 0);
      this.#answers.get(told.id ?? 0)?.(told);
    });
    const lines = createInterface(child.stdout!).on('line', (line) => this.acknowledged.push(Number(line)));
    this.#lines = once(lines, 'close');
    afterTest(() => this.kill());
  }

  static async start(options: RevocationLedgerOptions): Promise<LedgerProcess> {
    const child = fork(PROCESS, [JSON.stringify(options)], {
      ...{ stdio: ['ignore', 'pipe', 'inherit', 'ipc'], execArgv: [], detached: true },
    });
    const ready = new LedgerProcess(child);
    await Promise.race([
      once(child, 'message'),
      once(child, 'exit').then(([code]) => Promise.reject(new Error(`It ended by itself, with ${code}`))),
    ]);
    return ready;
  }

  async order(order: string, ...given: unknown[]): Promise<unknown> {
    const id = ++this.#lastId;
    const told = new Promise<Told>((resolve) => this.#answers.set(id, resolve));
    this.#child.send({ id, order, given });
    const { value, code } = await told;
    return code ?? value;
  }

  /** With what it has started. Resolves when all that it has told is here. */
  async kill(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const exit = once(this.#child, 'exit');
      process.kill(-this.#child.pid!, 'SIGKILL');
      await exit;
    }
    await this.#lines;
  }
}

let count = 0;
const onLmdb = (): StoreReference => lmdbStore(path.join(folder, `lmdb-${++count}`));
const onPostgres = (more: PostgresStoreOptions = {}): StoreReference => {
  const { options, ...reference } = postgresStore({ schema: postgres.newSchema(), ...more, connectionString: '-' });
  return { ...reference, options: { ...options, connectionString: postgres.url } };
};

describe('a process that is killed under its revocations', () => {
  test.each([
    ['lmdb', onLmdb],
    ['Postgres', onPostgres],
  ] as const)('%s: the next one knows all that were acknowledged, and each round some', async (_engine, storeOf) => {
    const store = storeOf();
    const acknowledged = new Set<number>();
    let lost: number[] = [];
    for (let round = 0; round <= ROUNDS; round += 1) {
      const ledger = await LedgerProcess.start({ store });
      const from = acknowledged.size === 0 ? 0 : Math.max(...acknowledged) + AT_A_TIME + 1;
      const revoked = new Set((await ledger.order('revokedOf', from)) as number[]);
      lost = [...lost, ...[...acknowledged].filter((at) => !revoked.has(at))];
      if (round === ROUNDS) break;
      await ledger.order('revokeForEver', from, AT_A_TIME);
      await eventually('the first', () => ledger.acknowledged.length > 0);
      // At another moment each time.
      await new Promise((resolve) => setTimeout(resolve, (round * 7) % 23));
      await ledger.kill();
      for (const at of ledger.acknowledged) acknowledged.add(at);
    }
    expect(lost).toEqual([]);
    expect(acknowledged.size).toBeGreaterThanOrEqual(ROUNDS);
  });
});

test('two processes on one Postgres: of those who revoke at once one is first; each sees what the other does', async () => {
  const options = { store: onPostgres() };
  const ledgers = [await LedgerProcess.start(options), await LedgerProcess.start(options)] as const;
  const jtis = Array.from({ length: 50 }, (_, at) => `both-${at}`);
  const answers = await Promise.all(
    jtis.map((jti) => Promise.all(ledgers.map((ledger) => ledger.order('call', 'revokeJti', jti)))),
  );
  expect(answers.map((pair) => pair.sort())).toEqual(jtis.map(() => ['already_revoked', 'revoked']));
  for (const [one, other] of [ledgers, [ledgers[1], ledgers[0]]] as const) {
    const jti = `seen-${ledgers.indexOf(one)}`;
    expect(await other.order('call', 'isJtiRevoked', jti)).toBe(false);
    await one.order('call', 'revokeJti', jti, { subject: 'ann' });
    const revokedAtMs = Date.now();
    await eventually('its event', () => other.heard.has(jti));
    expect(await other.order('call', 'isJtiRevoked', jti)).toBe(true);
    expect(other.heard.get(jti)! - revokedAtMs).toBeLessThan(5_000);
  }
});

test('two processes on one Postgres that has no NOTIFY for them: each sees what the other does within the bound', async () => {
  const options = { store: onPostgres({ listen: false }), maxStalenessMs: 2_000 };
  const [one, other] = [await LedgerProcess.start(options), await LedgerProcess.start(options)];
  for (let round = 0; round < 4; round += 1) {
    const jti = `polled-${round}`;
    await one.order('call', 'revokeJti', jti);
    const revokedAtMs = Date.now();
    await eventually('its event', () => other.heard.has(jti));
    expect(other.heard.get(jti)! - revokedAtMs).toBeLessThan(2_000);
  }
});

test('an lmdb directory has one owner: a second process closes, and opens when the first is gone', async () => {
  const store = onLmdb();
  const first = await LedgerProcess.start({ store });
  expect(await first.order('call', 'revokeJti', 'a')).toBe('revoked');
  const reference = { ...store, options: { ...(store.options as object), lockTimeoutMs: 100 } };
  const { supervisor, heard } = await supervise({ revoked: revocationLedger({ store: reference }) });
  const { revoked } = supervisor.children;
  expect(await heard.next('ledger:closed')).toMatchObject({ error: { code: 'STORE_LOCKED' } });
  expect(revoked.isJtiRevoked('b')).toBe(true);
  await first.kill();
  await supervisor.ready();
  expect([revoked.isJtiRevoked('a'), revoked.isJtiRevoked('b')]).toEqual([true, false]);
});

test("an lmdb directory whose ledger is parked can be another process': it is not believed any longer than the bound", async () => {
  const store = onLmdb();
  const reference = { ...store, options: { ...(store.options as object), lockTimeoutMs: 100 } };
  const options = { store: reference, maxStalenessMs: 3_000, maxRestarts: 0 };
  const { supervisor, heard } = await supervise({ revoked: revocationLedger(options) });
  const { revoked } = supervisor.children;
  await supervisor.ready();
  await revoked.revokeJti('a');
  await killChildThread(supervisor, 'revoked');
  await heard.next('child:parked');
  const parkedAtMs = Date.now();
  expect([revoked.isJtiRevoked('a'), revoked.isJtiRevoked('b')]).toEqual([true, false]);
  const other = await LedgerProcess.start({ store });
  expect(await other.order('call', 'revokeJti', 'b')).toBe('revoked');
  await eventually('its end', () => revoked.isJtiRevoked('c'));
  expect(Date.now() - parkedAtMs).toBeLessThan(3_500);
  await revoked.resume();
  await heard.next('ledger:closed');
  expect(await heard.next('ledger:store-failed')).toMatchObject({ during: 'open', error: { code: 'STORE_LOCKED' } });
  await other.kill();
  await supervisor.ready();
  expect(['a', 'b', 'c'].map((jti) => revoked.isJtiRevoked(jti))).toEqual([true, true, false]);
});

test('a ledger on Postgres forgot live revocations while the clock was a day ahead', () =>
  expungesWhileAhead(onPostgres(), { outlives: true }));

describe('Postgres is away', () => {
  const codeOf = (promise: Promise<unknown>): Promise<unknown> =>
    promise.then(
      (value) => value,
      (error: unknown) => (error as { code: unknown }).code,
    );

  test.each(['cut', 'refuse', 'swallow'] as const)(
    '%s: revocations are refused, reads go on for so long, then all is revoked, then it is as before',
    async (mode) => {
      const options = { ...{ connectTimeoutMs: 500, statementTimeoutMs: 500 }, schema: postgres.newSchema() };
      const { options: settings, ...reference } = postgresStore({ ...options, connectionString: '-' });
      const store = { ...reference, options: { ...settings, connectionString: postgres.urlAt(proxy.port) } };
      const { supervisor, heard } = await supervise({ revoked: revocationLedger({ store, maxStalenessMs: 3_000 }) });
      const { revoked } = supervisor.children;
      await supervisor.ready();
      expect(await revoked.revokeJti('a')).toBe('revoked');
      await proxy.set(mode);
      afterTest(() => proxy.set('pass'));
      const awayAtMs = Date.now();
      expect(await codeOf(revoked.revokeJti('b'))).toBe('STORE_UNAVAILABLE');
      // What was seen last still counts.
      expect([revoked.isJtiRevoked('a'), revoked.isJtiRevoked('c')]).toEqual([true, false]);
      await heard.next('ledger:closed');
      expect(Date.now() - awayAtMs).toBeLessThan(3_500);
      expect([revoked.isJtiRevoked('a'), revoked.isJtiRevoked('c')]).toEqual([true, true]);
      await proxy.set('pass');
      await eventually('it open', () => revoked.status().open);
      expect([revoked.isJtiRevoked('a'), revoked.isJtiRevoked('c')]).toEqual([true, false]);
      // Asked again, it is revoked, whatever became of it.
      const again = revoked.isJtiRevoked('b') ? 'already_revoked' : 'revoked';
      expect(await revoked.revokeJti('b')).toBe(again);
      expect(revoked.isJtiRevoked('b')).toBe(true);
    },
  );
});

test('no password, key or token is in what a process with ledgers says, nor in what the database shows and keeps', async () => {
  const canary = (what: string): string => `${what}-${randomBytes(18).toString('hex')}`;
  const [key, wrong] = [canary('key'), canary('wrong')];
  const exp = Math.floor(Date.now() / 1_000) + 600;
  const jwt = await sign(key, 'HS256', { jti: 'a name', sub: 'ann', exp });
  const other = await sign(canary('key'), 'HS256', { jti: 'a stranger', exp });
  const schemas = [postgres.newSchema(), postgres.newSchema()];
  const { host, port, user, database, password, url } = postgres;
  const child = fork(new URL('./fixtures/canary-ledger.mjs', import.meta.url), [], {
    ...{ stdio: ['ignore', 'pipe', 'pipe', 'ipc'], execArgv: [] },
    env: {
      PATH: process.env['PATH'],
      CANARY_POSTGRES: url,
      CANARY: JSON.stringify({ host, port, user, database, password, wrong, key, jwt, other, schemas }),
    },
  });
  afterTest(() => child.kill('SIGKILL'));
  let output = '';
  for (const stream of [child.stdout!, child.stderr!]) {
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  }
  const closed = once(child, 'close');
  await Promise.race([
    once(child, 'message'),
    closed.then(([code]) => Promise.reject(new Error(`It ended by itself, with ${code}: ${output}`))),
  ]);
  const session = await postgres.session();
  const rowsOf = async (text: string): Promise<string> =>
    (await session.query<Record<string, unknown>>(text)).rows
      .flatMap((row) => Object.values(row))
      .map((value) => (Buffer.isBuffer(value) ? value.toString('latin1') : JSON.stringify(value)))
      .join();
  const shown = await rowsOf('SELECT * FROM pg_stat_activity');
  const tables = await session.query<{ name: string }>(
    "SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables WHERE schemaname = ANY($1)",
    [schemas],
  );
  const kept: string[] = [];
  for (const { name } of tables.rows) kept.push(await rowsOf(`SELECT * FROM ${name}`));
  await session.query(`DROP SCHEMA ${schemas[0]}, ${schemas[1]} CASCADE`);
  let gathered: readonly string[] = [];
  child.once('message', (texts) => (gathered = texts as string[]));
  child.send('go on');
  const [code] = (await closed) as [number];
  expect(code, output).toBe(0);

  const all = gathered.join('\n');
  for (const told of ['28P01', '3D000', '42P01', 'STORE_FAILED', 'TOKEN_REFUSED', 'ledger:revoked', 'ledger:closed']) {
    expect(all).toContain(told);
  }
  expect(output).toContain('ledger:closed');
  expect(shown).toContain('tokenvisor');
  expect(kept.join()).toContain('a name');
  const signatures = [jwt, other].map((token) => token.split('.')[2]!);
  const inBase64 = Buffer.from(password).toString('base64').slice(0, -4);
  for (const secret of [password, inBase64, key, wrong, ...signatures]) {
    const places = [output, shown, ...kept, ...gathered].filter((text) => text.includes(secret));
    expect(places.map((text) => text.slice(0, 80))).toEqual([]);
  }
});
