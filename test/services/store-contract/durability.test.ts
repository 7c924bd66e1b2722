/** What was acknowledged is there, whatever is killed, and whenever. */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { lmdbStore, postgresStore, type StoreReference } from 'tokenvisor/storage';
import { startPostgres, type TestPostgres } from '../../support/postgres.js';
import { within } from '../../../dist/core/within.js';
import { aWrite, open } from './contract.js';
import { eventually } from '../../support/eventually.js';

const ROUNDS = 50;
const BOUND_MS = 20_000;

const folder = mkdtempSync(path.join(tmpdir(), 'tokenvisor-durable-'));
let postgres: TestPostgres;
beforeAll(async () => {
  postgres = await startPostgres();
});
afterAll(async () => {
  await postgres.stop();
  rmSync(folder, { recursive: true, maxRetries: 20, retryDelay: 100 });
});

const WRITER = fileURLToPath(new URL('./fixtures/writer.mjs', import.meta.url));

/** The options as they are on the way: the secrets in the clear. */
const plain = (reference: StoreReference): object => {
  const { connectionString } = (reference.options ?? {}) as { connectionString?: unknown };
  const options = { ...(reference.options as object), ...(connectionString ? { connectionString: postgres.url } : {}) };
  return { ...reference, options };
};

interface Writer {
  readonly found: number;
  /** Kills it, and tells how many were acknowledged. */
  kill(): Promise<number>;
}

const asProcess = async (reference: StoreReference, batch: number): Promise<Writer> => {
  const orders = JSON.stringify({ reference: plain(reference), batch });
  const child: ChildProcess = spawn(process.execPath, [WRITER, orders], {
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  });
  const exit = once(child, 'exit');
  const counts: number[] = [];
  const lines = createInterface(child.stdout!).on('line', (line) => counts.push(Number(line)));
  const end = once(lines, 'close');
  await Promise.race([
    eventually('what it has found', () => counts.length > 0),
    exit.then(() => Promise.reject(new Error('It ended by itself'))),
  ]);
  return {
    found: counts[0]!,
    kill: async () => {
      process.kill(-child.pid!, 'SIGKILL'); // With what it has started.
      expect((await exit)[1]).toBe('SIGKILL');
      await end;
      return counts.at(-1)!;
    },
  };
};

const asThread = async (reference: StoreReference, batch: number): Promise<Writer> => {
  const words = new Int32Array(new SharedArrayBuffer(8));
  const worker = new Worker(WRITER, {
    workerData: { reference: plain(reference), batch, words },
    env: {},
    execArgv: [],
  });
  let failure: unknown;
  worker.on('error', (error) => (failure = error));
  await eventually('what it has found', () => {
    if (failure !== undefined) throw failure as Error;
    return words[1] === 1;
  });
  return {
    found: Atomics.load(words, 0),
    kill: async () => {
      expect(await within(BOUND_MS, worker.terminate())).toBe(true);
      if (failure !== undefined) throw failure as Error;
      return Atomics.load(words, 0);
    },
  };
};

const killedUnderWrites = async (
  start: (reference: StoreReference, batch: number) => Promise<Writer>,
  reference: StoreReference,
  batch: number,
): Promise<{ lost: number[]; acknowledged: number }> => {
  const lost: number[] = [];
  let acknowledged = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const writer = await start(reference, batch);
    if (writer.found < acknowledged) lost.push(acknowledged - writer.found);
    // At another moment each time, from the first write on.
    await new Promise((resolve) => setTimeout(resolve, (round * 7) % 23));
    acknowledged = await writer.kill();
  }
  return { lost, acknowledged };
};

let count = 0;
const anLmdb = (): StoreReference => lmdbStore(path.join(folder, `lmdb-${++count}`));
const aPostgres = (): StoreReference =>
  postgresStore({ connectionString: postgres.url, schema: postgres.newSchema(), listen: false });

test.each([
  ['lmdb', 'process', anLmdb, asProcess],
  ['lmdb', 'thread', anLmdb, asThread],
  ['Postgres', 'process', aPostgres, asProcess],
] as const)(
  '%s: a %s that is killed under its writes loses none that was acknowledged',
  async (_, __, reference, start) => {
    const { lost, acknowledged } = await killedUnderWrites(start, reference(), 20);
    expect(lost).toEqual([]);
    expect(acknowledged).toBeGreaterThan(ROUNDS / 2);
  },
);

test.skipIf(process.platform !== 'linux')(
  "lmdb: a batch is acknowledged when the disk has it, and a kill's page cache proves nothing about that",
  async () => {
    // In front of libc: every sync is late, and says when it was done.
    const library = path.join(folder, 'late-sync.so');
    const log = path.join(folder, 'syncs');
    const source = path.join(folder, 'late-sync.c');
    writeFileSync(source, readFileSync(fileURLToPath(new URL('./fixtures/late-sync.c', import.meta.url))));
    execFileSync('cc', ['-shared', '-fPIC', '-o', library, source, '-ldl']);
    const before = { ...process.env };
    Object.assign(process.env, { LD_PRELOAD: library, TOKENVISOR_SYNC_LOG: log });
    const store = await open(anLmdb());
    process.env = before;
    const syncs = (): number => (existsSync(log) ? readFileSync(log).length : 0);
    const fromMs = performance.now();
    const already = syncs();
    let isAcknowledged = false;
    const write = store.write([aWrite('a')]).then(() => {
      isAcknowledged = true;
      return syncs();
    });
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(isAcknowledged).toBe(false);
    expect(await write).toBeGreaterThan(already);
    expect(performance.now() - fromMs).toBeGreaterThan(150);
    await store.close();
  },
);
