/**
 * A ledger on each store: revocations a second, many at once; and its start with two million records, from
 * startSupervisor() to ready(), beside the store's own reading of its entries.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { literal } from 'tokenvisor/providers';
import { startSupervisor } from 'tokenvisor';
import { revocationLedger } from 'tokenvisor/inbound';
import { lmdbStore, memoryStore, postgresStore } from 'tokenvisor/storage';
import { systemClock } from '../../../dist/core/clock.js';
import { openStore } from '../../../dist/storage/open-store.js';
import { median } from '../statistics.mjs';
import { uuidOf } from '../table/keys.mjs';
import { fillLmdb, fillPostgres, startPostgres } from './stores.mjs';

const ROUNDS = 5;
/** On a machine that is busy, three have to do. */
const FEWEST_ROUNDS = 3;
const LOADS_MS = 60_000;
const MOST_RECORDS = 2_000_000;
/** So many callers wait for an answer at a time. */
const AT_ONCE = 256;
const REVOKE_MS = 1_500;
const READY_MS = 60_000;

/** @typedef {import('tokenvisor/storage').StoreReference} StoreReference */

/** @param {StoreReference} store @param {number} entries @returns {Promise<number>} ms */
const startWith = async (store, entries) => {
  const startedAt = performance.now();
  const supervisor = await startSupervisor({ revoked: revocationLedger({ store }) });
  await supervisor.ready({ timeoutMs: READY_MS });
  const elapsedMs = performance.now() - startedAt;
  const { revoked } = supervisor.children;
  if (revoked.size() !== entries) throw new Error(`Expected ${entries} entries, got ${revoked.size()}`);
  await supervisor.close();
  return elapsedMs;
};

/** @param {StoreReference} reference @param {number} entries @returns {Promise<number>} ms */
const readAll = async (reference, entries) => {
  const store = await openStore(/** @type {any} */ (reference), {
    clock: systemClock,
    owner: 'bench',
    changed: () => undefined,
  });
  const startedAt = performance.now();
  let count = 0;
  for await (const batch of (await store.entries()).batches) count += batch.length;
  const elapsedMs = performance.now() - startedAt;
  await store.close();
  if (count !== entries) throw new Error(`Expected ${entries} entries, got ${count}`);
  return elapsedMs;
};

/** @param {StoreReference} store @returns {Promise<number>} revocations a second */
const revocations = async (store) => {
  const supervisor = await startSupervisor({ revoked: revocationLedger({ store }) });
  await supervisor.ready({ timeoutMs: READY_MS });
  const { revoked } = supervisor.children;
  let next = 0;
  const caller = async (/** @type {number} */ untilMs) => {
    while (performance.now() < untilMs) await revoked.revokeJti(uuidOf((next += 1)));
  };
  const callers = (/** @type {number} */ ms) =>
    Promise.all(Array.from({ length: AT_ONCE }, () => caller(performance.now() + ms)));
  await callers(REVOKE_MS / 3);
  const before = next;
  const startedAt = performance.now();
  await callers(REVOKE_MS);
  const perSecond = (next - before) / ((performance.now() - startedAt) / 1_000);
  if (revoked.size() !== next) throw new Error(`Expected ${next} entries, got ${revoked.size()}`);
  await supervisor.close();
  return perSecond;
};

/** @param {import('../harness.mjs').Harness} harness @param {{ entries: number }} bench */
export const run = async (harness, { entries: most }) => {
  const entries = Math.min(most, MOST_RECORDS);
  const folder = mkdtempSync(path.join(tmpdir(), 'tokenvisor-bench-'));
  const postgres = await startPostgres();
  const inPostgres = (/** @type {string} */ schema) =>
    postgresStore({ connectionString: literal(postgres.url), schema, tls: false });
  try {
    for (const [name, store] of /** @type {const} */ ([
      ['memory', memoryStore()],
      ['lmdb', lmdbStore(path.join(folder, 'few'))],
      ['Postgres', inPostgres('few')],
    ])) {
      harness.figure(`revokeJti() a second, ${AT_ONCE} at a time, ${name}`, await revocations(store));
    }
    fillLmdb(path.join(folder, 'many'), entries);
    await fillPostgres(postgres.url, 'many', entries);
    const stores = { lmdb: lmdbStore(path.join(folder, 'many')), Postgres: inPostgres('many') };
    /** @type {Record<string, number[]>} */
    const series = {};
    const loadsUntilMs = performance.now() + LOADS_MS;
    for (let round = 0; round < ROUNDS; round += 1) {
      if (round >= FEWEST_ROUNDS && performance.now() > loadsUntilMs) break;
      for (const [name, store] of Object.entries(stores)) {
        (series[`start of a ledger, ${entries} records, ${name}`] ??= []).push(
          (await startWith(store, entries)) / 1_000,
        );
        (series[`entries() of the store alone, ${name}`] ??= []).push((await readAll(store, entries)) / 1_000);
      }
    }
    for (const [name, values] of Object.entries(series)) harness.row(name, 's', values);
    const aims = /** @type {const} */ ({ lmdb: 2, Postgres: 4 });
    for (const name of /** @type {const} */ (['lmdb', 'Postgres'])) {
      const values = series[`start of a ledger, ${entries} records, ${name}`] ?? [];
      harness.figure(`start of a ledger, ${name}, s`, median(values), { atMost: aims[name] });
    }
  } finally {
    await postgres.stop();
    rmSync(folder, { recursive: true, force: true });
  }
};
