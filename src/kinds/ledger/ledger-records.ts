/**
 * Carries out requests on records: reserve, make durable, publish, then answer. Requests that arrive during a write are
 * combined into the next one.
 */
import type { Clock } from '../../core/clock.js';
import { TokenvisorError } from '../../core/errors.js';
import { nextTurn } from '../../core/next-turn.js';
import type { Store, StoredEntry, StoredRecord, StoreWrite } from '../../storage/port/store.js';
import { isKept, keyOfRequest, knownRow, toWrite } from './ledger-entry.js';
import { applyAll, type LedgerRequest, type LedgerRow, type Outcome } from './ledger-record.js';
import type { LedgerTable } from './ledger-table.js';

export interface LedgerRecordsOptions {
  readonly child: string;
  readonly store: Store;
  readonly table: LedgerTable;
  readonly graceMs: number;
  readonly clock: Clock;
  /** Called for a new revocation, as readers see it. */
  readonly onRevoked: (row: LedgerRow) => void;
  /** Called when the outcome of a write is unknown: {@link LedgerRecords.recheck} must find out. */
  readonly onUnsure: () => void;
}

/** The requests on one record since the last write, in order. */
interface Asked {
  readonly key: string;
  readonly requests: LedgerRequest[];
  readonly settle: { readonly resolve: (outcome: Outcome) => void; readonly reject: (error: unknown) => void }[];
}

/** The planned write of a record. */
interface Planned {
  readonly asked: Asked;
  readonly outcomes: readonly Outcome[];
  readonly row: LedgerRow;
  readonly write: StoreWrite;
}

/** The most records in one write. */
const BATCH = 1_000;
/**
 * How often a write may be repeated because another process has changed the record: each time one of the two succeeds.
 */
const ATTEMPTS = 20;

export class LedgerRecords {
  readonly #options: LedgerRecordsOptions;
  /** By key, in the order of their first request. */
  readonly #waiting = new Map<string, Asked>();
  /** Keys of writes with an unknown outcome. */
  readonly #unsure = new Set<string>();
  #running: Promise<void> | undefined;
  #closed = false;

  constructor(options: LedgerRecordsOptions) {
    this.#options = options;
  }

  /**
   * Resolves when the request is durable, and every reader sees it.
   *
   * @throws STORE_UNAVAILABLE (it may have been carried out: a repeated request detects it), TABLE_FULL (it was not
   *   carried out).
   */
  ask(request: LedgerRequest): Promise<Outcome> {
    const key = keyOfRequest(request);
    if (this.#closed) return Promise.reject(this.#stopped());
    return new Promise((resolve, reject) => {
      const asked = this.#waiting.get(key) ?? { key, requests: [], settle: [] };
      this.#waiting.set(key, asked);
      asked.requests.push(request);
      asked.settle.push({ resolve, reject });
      this.#running ??= this.#run();
    });
  }

  /** The current state of some keys, by the store and the table. */
  async read(keys: readonly string[]): Promise<readonly (LedgerRow | undefined)[]> {
    const { store } = this.#options;
    const records = await store.get(keys);
    return keys.map((key, index) => this.#known(key, records[index]));
  }

  /** True while the outcome of a write is unknown. */
  get unsure(): boolean {
    return this.#unsure.size > 0;
  }

  /** Reads the records whose writes have an unknown outcome, and publishes them. @throws STORE_UNAVAILABLE */
  async recheck(): Promise<void> {
    const keys = [...this.#unsure].slice(0, BATCH);
    const records = await this.#options.store.get(keys);
    for (const [index, key] of keys.entries()) {
      const record = records[index];
      if (record) this.#publish(record, this.#known(key, record));
      this.#unsure.delete(key);
    }
  }

  /** Stops writing: waiting requests are refused. Resolves when the write in progress has its answer. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const asked of this.#waiting.values()) rejectAll(asked, this.#stopped());
    this.#waiting.clear();
    await this.#running;
  }

  /** One write at a time. */
  async #run(): Promise<void> {
    while (this.#waiting.size > 0) {
      // Requests of one turn of the event loop are combined. Node delivers up to a thousand messages in one turn, if
      // there is always a next one: slow work inside that turn would delay timers, including the heartbeat's, for all
      // of them.
      await nextTurn();
      const batch = [...this.#waiting.values()].slice(0, BATCH);
      for (const { key } of batch) this.#waiting.delete(key);
      await this.#carryOut(batch);
    }
    this.#running = undefined;
  }

  async #carryOut(batch: readonly Asked[]): Promise<void> {
    const { store, table } = this.#options;
    let left = batch;
    try {
      let there = await store.get(batch.map(({ key }) => key));
      for (let attempt = 0; left.length > 0 && attempt < ATTEMPTS; attempt += 1) {
        const planned = left.flatMap((asked, index) => this.#plan(asked, there[index]) ?? []);
        left = planned.map(({ asked }) => asked);
        const conflicts = planned.length > 0 ? await this.#write(planned) : [];
        left = conflicts.map(({ asked }) => asked);
        there = conflicts.map(({ found }) => found);
      }
      if (left.length > 0) throw this.#conflicted();
    } catch (error) {
      for (const asked of left) rejectAll(asked, error);
    } finally {
      table.release();
    }
  }

  /** The write for the requests; undefined if they are answered already. */
  #plan(asked: Asked, record: StoredRecord | undefined): Planned | undefined {
    const { graceMs, clock, table } = this.#options;
    try {
      const known = this.#known(asked.key, record);
      const { write: changed, outcomes } = applyAll(known, asked.requests, clock.wallMs());
      const row = changed ?? known;
      // An answer must be durable, even if it changes nothing: a row that only the table knows is written again.
      if (!row || (!changed && isKept(row, record, graceMs))) {
        // It may be new to this process' readers.
        if (record && known) this.#publish(record, known);
        resolveAll(asked, outcomes);
        return undefined;
      }
      const write = toWrite(row, record, graceMs);
      table.reserve(write);
      return { asked, outcomes, row, write };
    } catch (error) {
      rejectAll(asked, error);
      return undefined;
    }
  }

  /** Returns those whose record was changed by another process meanwhile, with its current state. */
  async #write(planned: readonly Planned[]): Promise<readonly { asked: Asked; found: StoredRecord | undefined }[]> {
    const { store, onUnsure } = this.#options;
    let results;
    try {
      results = await store.write(planned.map(({ write }) => write));
    } catch (error) {
      for (const { asked } of planned) this.#unsure.add(asked.key);
      onUnsure();
      throw error;
    }
    return planned.flatMap(({ asked, outcomes, row, write }, index) => {
      const result = results[index];
      if (!result?.written) return [{ asked, found: result?.found }];
      try {
        this.#publish(write, row);
        resolveAll(asked, outcomes);
      } catch (error) {
        // Out of memory: the record is durable, and is published when there is room.
        this.#unsure.add(asked.key);
        onUnsure();
        rejectAll(asked, error);
      }
      return [];
    });
  }

  #publish(entry: StoredEntry, row: LedgerRow | undefined): void {
    const { table, onRevoked } = this.#options;
    if (table.merge(entry) && row) onRevoked(row);
  }

  #known(key: string, record: StoredRecord | undefined): LedgerRow | undefined {
    const { table, graceMs, clock } = this.#options;
    return knownRow(key, record, table.entry(key), graceMs, clock.wallMs());
  }

  #conflicted(): TokenvisorError {
    const { child } = this.#options;
    const message = `A record of '${child}' was changed by others each of ${ATTEMPTS} times that it was written`;
    return new TokenvisorError('STORE_UNAVAILABLE', `${message}: try again`, { child });
  }

  #stopped(): TokenvisorError {
    const { child } = this.#options;
    return new TokenvisorError('STOPPED', `'${child}' is being stopped: nothing of this was done`, { child });
  }
}

const resolveAll = ({ settle }: Asked, outcomes: readonly Outcome[]): void => {
  for (const [index, { resolve }] of settle.entries()) resolve(outcomes[index]!);
};

const rejectAll = ({ settle }: Asked, error: unknown): void => {
  for (const { reject } of settle) reject(error);
};
