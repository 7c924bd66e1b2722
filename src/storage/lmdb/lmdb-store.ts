/**
 * The actor's side of the LMDB store: a separate process does the work.
 *
 * It can't run in the actor's thread: LMDB's binding ends the whole process, or hangs the thread for good, if the
 * thread is terminated at the wrong moment, and a supervisor terminates threads at any moment.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { setBound } from '../../core/bound.js';
import type { Clock } from '../../core/clock.js';
import { TokenvisorError, type TokenvisorErrorCode } from '../../core/errors.js';
import { ownFile, presentFile } from '../../core/package-files.js';
import type { LmdbStoreSettings } from './lmdb-options.js';
import {
  type LmdbOperation,
  type LmdbOperations,
  type LmdbReply,
  type LmdbRequest,
  replyOf,
  type WirePage,
  type WireRecord,
  type WireWrite,
} from './lmdb-protocol.js';
import { unpacked } from '../port/packed-entries.js';
import { storedJson } from '../port/stored-json.js';
import type {
  OpenStore,
  Store,
  StoreChanges,
  StoredEntry,
  StoredRecord,
  StoreRemoval,
  StoreEntries,
  StoreWrite,
  StoreWriteResult,
} from '../port/store.js';

type Settings = Required<LmdbStoreSettings>;

interface Pending {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** A process that has the database open, or is opening it. */
class LmdbProcess {
  readonly #child: ChildProcess;
  readonly #clock: Clock;
  readonly #path: string;
  readonly #pending = new Map<number, Pending>();
  readonly exited: Promise<void>;
  #lastId = 0;
  #end: Error | undefined;

  constructor(settings: Settings, clock: Clock) {
    this.#clock = clock;
    this.#path = settings.path;
    const file = presentFile(ownFile('storage/lmdb/lmdb-process.js'));
    try {
      this.#child = fork(file, {
        execArgv: [],
        serialization: 'advanced',
        stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      });
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      const hint = code === 'ERR_ACCESS_DENIED' ? '. Start Node with --allow-child-process' : '';
      throw new TokenvisorError(
        'START_FAILED',
        `Can't start the process of ${settings.path} (${code ?? 'no code'})${hint}`,
        {
          cause: error,
        },
      );
    }
    this.#child.on('message', (message) => {
      const reply = replyOf(message);
      if (reply) this.#answered(reply);
    });
    this.#child.on('error', (error) => this.#ended(error));
    this.exited = new Promise((resolve) => {
      this.#child.on('exit', (code, signal) => {
        this.#ended(new Error(`its process ended (${signal ?? code ?? 'no code'})`));
        resolve();
      });
    });
  }

  get isOver(): boolean {
    return this.#end !== undefined;
  }

  /** @throws STORE_UNAVAILABLE, STORE_LOCKED, START_FAILED */
  async ask<Name extends LmdbOperation>(
    timeoutMs: number,
    operation: Name,
    ...given: Parameters<LmdbOperations[Name]>
  ): Promise<ReturnType<LmdbOperations[Name]>> {
    const request: LmdbRequest = { id: ++this.#lastId, operation, arguments: given };
    const answer = new Promise<unknown>((resolve, reject) => {
      if (this.#end) return reject(this.#end);
      this.#pending.set(request.id, { resolve, reject });
      this.#child.send(request, (error) => error && this.#ended(error));
    });
    // A process that does not answer is killed; the next one finds what it has committed.
    const timer = setBound(this.#clock, timeoutMs, () => this.kill(`no answer within ${timeoutMs} ms`));
    try {
      return (await answer) as ReturnType<LmdbOperations[Name]>;
    } finally {
      timer.cancel();
      this.#pending.delete(request.id);
    }
  }

  kill(why: string): void {
    this.#ended(new Error(why));
    this.#child.kill('SIGKILL');
  }

  /** The process ends when it is disconnected. */
  disconnect(): void {
    if (this.#child.connected) this.#child.disconnect();
  }

  #answered(reply: LmdbReply): void {
    const waiting = this.#pending.get(reply.id);
    if (reply.ok) return waiting?.resolve(reply.value);
    waiting?.reject(new TokenvisorError(reply.code as TokenvisorErrorCode, `${this.#path}: ${reply.message}`));
    // Without its lock it does no more work. The next use starts another process, which takes the lock, or reports its
    // owner.
    if (reply.code === 'STORE_LOCKED') this.kill('it has lost its lock');
  }

  #ended(cause: Error): void {
    const message = `The LMDB database ${this.#path} did not answer: ${cause.message}. Try again`;
    this.#end ??= new TokenvisorError('STORE_UNAVAILABLE', message, { cause });
    for (const { reject } of this.#pending.values()) reject(this.#end);
    this.#pending.clear();
  }
}

const CLOSE_MS = 5_000;

class LmdbStore implements Store {
  readonly exclusive = true;
  readonly #settings: Settings;
  readonly #clock: Clock;
  #process: LmdbProcess | undefined;
  #opening: Promise<LmdbProcess> | undefined;
  #isClosed = false;

  constructor(settings: Settings, clock: Clock) {
    this.#settings = settings;
    this.#clock = clock;
  }

  /** The current process: a new one if the last has ended. */
  async opened(): Promise<LmdbProcess> {
    if (this.#isClosed) throw new TokenvisorError('STORE_UNAVAILABLE', 'The LMDB store has been closed');
    if (this.#process && !this.#process.isOver) return this.#process;
    this.#opening ??= this.#open(this.#process).finally(() => (this.#opening = undefined));
    return this.#opening;
  }

  async entries(): Promise<StoreEntries> {
    await this.opened();
    return { cursor: '', batches: this.#pages() };
  }

  async get(keys: readonly string[]): Promise<readonly (StoredRecord | undefined)[]> {
    const records = await this.#ask('get', keys);
    return records.map((record) => record && recordOf(record));
  }

  async write(writes: readonly StoreWrite[]): Promise<readonly StoreWriteResult[]> {
    if (writes.length === 0) return [];
    const wires = writes.map(({ data, replacesExpiresAtMs: _, ...write }): WireWrite => ({
      ...write,
      data: JSON.stringify(data ?? null),
    }));
    const results = await this.#ask('write', wires);
    return results.map((result) => {
      if (typeof result === 'number') return { written: true, version: result };
      return { written: false, found: result.found && recordOf(result.found) };
    });
  }

  async *bySubject(subject: string): AsyncIterable<readonly StoredRecord[]> {
    for (let after: Uint8Array | undefined; ;) {
      const { page, next } = await this.#ask('bySubject', subject, after);
      if (page.length > 0) yield page.map(recordOf);
      if (!next) return;
      after = next;
    }
  }

  async expired(beforeMs: number, limit: number): Promise<readonly StoredRecord[]> {
    return (await this.#ask('expired', beforeMs, limit)).map(recordOf);
  }

  async remove(records: readonly StoreRemoval[]): Promise<number> {
    if (records.length === 0) return 0;
    return this.#ask(
      'remove',
      records.map(({ key, version }) => ({ key, version })),
    );
  }

  changes(cursor: string): Promise<StoreChanges> {
    return Promise.resolve({ entries: [], cursor });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    const process = (await this.#opening?.catch(() => undefined)) ?? this.#process;
    if (!process || process.isOver) return;
    // After all earlier requests: it handles one at a time.
    await process.ask(CLOSE_MS, 'close').catch(() => undefined);
    process.disconnect();
    const timer = setBound(this.#clock, CLOSE_MS, () => process.kill('it did not end'));
    await process.exited;
    timer.cancel();
  }

  async *#pages(): AsyncIterable<readonly StoredEntry[]> {
    const read = (after?: Uint8Array): Promise<WirePage<Uint8Array>> => this.#ask('entries', after);
    let next: Promise<WirePage<Uint8Array>> | undefined = read();
    while (next) {
      const { page, next: after }: WirePage<Uint8Array> = await next;
      // The process reads the next page while this one is unpacked.
      next = after && read(after);
      next?.catch(() => undefined);
      if (page.length > 0) yield unpacked(Buffer.from(page.buffer, page.byteOffset, page.byteLength));
    }
  }

  async #ask<Name extends LmdbOperation>(
    operation: Name,
    ...given: Parameters<LmdbOperations[Name]>
  ): Promise<ReturnType<LmdbOperations[Name]>> {
    return (await this.opened()).ask(this.#settings.timeoutMs, operation, ...given);
  }

  async #open(before: LmdbProcess | undefined): Promise<LmdbProcess> {
    await before?.exited;
    const { path, lockTimeoutMs, timeoutMs } = this.#settings;
    const process = new LmdbProcess(this.#settings, this.#clock);
    try {
      await process.ask(timeoutMs + lockTimeoutMs, 'open', path, lockTimeoutMs);
      this.#process = process;
      return process;
    } catch (error) {
      process.kill('it did not open');
      throw error;
    }
  }
}

const recordOf = ({ data, ...record }: WireRecord): StoredRecord => ({
  ...record,
  data: storedJson(data, 'The data of a record in the LMDB database'),
});

/** Opens the store. @throws START_FAILED, STORE_LOCKED, STORE_UNAVAILABLE */
export const openLmdbStore: OpenStore<Settings> = async (settings, { clock }) => {
  const store = new LmdbStore(settings, clock);
  await store.opened();
  return store;
};
