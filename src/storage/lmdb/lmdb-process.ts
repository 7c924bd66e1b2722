/**
 * The process that owns an LMDB database, for as long as its actor lives: docs/explanation/inbound-stores.md says why
 * it is a process. It handles one request at a time, and ends when the actor's thread has ended, in any way.
 */
import { randomUUID } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type * as Lmdb from 'lmdb';
import { systemClock } from '../../core/clock.js';
import { TokenvisorError } from '../../core/errors.js';
import { FileLock } from '../../fs/file-lock.js';
import { machineFs } from '../../fs/files.js';
import { requirePeer } from '../port/optional-peer.js';
import { LmdbDatabase } from './lmdb-database.js';
import { type LmdbReply, type LmdbRequest, requestOf } from './lmdb-protocol.js';

const LOCK_RETRY_MS = 20;

let lock: FileLock | undefined;
let database: LmdbDatabase | undefined;

const acquired = async (path: string, timeoutMs: number): Promise<FileLock> => {
  // A unique owner: a previous process of the same child may still be writing.
  const taken = new FileLock({
    path: join(path, 'owner'),
    owner: randomUUID(),
    clock: systemClock,
    fs: machineFs,
    what: `LMDB database ${path}`,
  });
  const untilMs = systemClock.monoMs() + timeoutMs;
  for (;;) {
    try {
      taken.acquire();
      return taken;
    } catch (error) {
      if (!(error instanceof TokenvisorError) || systemClock.monoMs() > untilMs) throw error;
      await new Promise<void>((resolve) => void systemClock.setTimer(LOCK_RETRY_MS, resolve));
    }
  }
};

const open = async (path: string, lockTimeoutMs: number): Promise<void> => {
  const lmdb = requirePeer('lmdb', '^3.5.0', 'lmdbStore()') as typeof Lmdb;
  mkdirSync(path, { recursive: true, mode: 0o700 });
  lock = await acquired(path, lockTimeoutMs);
  database = new LmdbDatabase(lmdb, path);
};

const end = (): void => {
  database?.close();
  database = undefined;
  lock?.release();
};

const carryOut = async ({ operation, arguments: given }: LmdbRequest): Promise<unknown> => {
  if (operation === 'open') return open(...(given as [string, number]));
  if (operation === 'close') return end();
  if (!database) throw new TokenvisorError('STORE_UNAVAILABLE', 'The LMDB database is not open');
  if (lock?.isHeld() !== true) throw new TokenvisorError('STORE_LOCKED', 'The lock of the LMDB database was lost');
  const run = database[operation] as (...values: readonly unknown[]) => unknown;
  return run(...given);
};

const failureOf = (error: unknown): { readonly code: string; readonly message: string } => {
  if (error instanceof TokenvisorError) return { code: error.code, message: error.message };
  const { message, code } = error as NodeJS.ErrnoException;
  return { code: 'STORE_UNAVAILABLE', message: code === undefined ? message : `${message} (${code})` };
};

// If the actor is gone, `disconnect` follows.
const reply = (answer: LmdbReply): void => void process.send?.(answer, undefined, undefined, () => undefined);

// An interrupt at a terminal goes to every process of a group; this one ends with its actor, which may have more to
// write.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);

process.on('disconnect', () => {
  end();
  process.exit();
});

process.on('message', (message) => {
  const request = requestOf(message);
  // The sender waits for no answer, or for one that can't be matched.
  if (!request) return;
  const { id } = request;
  carryOut(request).then(
    (value) => reply({ id, ok: true, value }),
    (error: unknown) => reply({ id, ok: false, ...failureOf(error) }),
  );
});
