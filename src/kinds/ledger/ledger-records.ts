/**
 * What is asked of records goes through here: reserve, make durable, publish, then answer. What is asked while a write is
 * under way is written together by the next one.
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
  /** Something is revoked that was not, as far as readers could see. */
  readonly onRevoked: (row: LedgerRow) => void;
  /** It is not known whether something was written: {@link LedgerRecords.recheck} is to find out. */
  readonly onUnsure: () => void;
}

/** What was asked of one record since the last write, in order. */
interface Asked {
  readonly key: string;
  readonly requests: LedgerRequest[];
  readonly settle: { readonly resolve: (outcome: Outcome) => void; readonly reject: (error: unknown) => void }[];
}

/** What is to become of a record. */
interface Planned {
  readonly asked: Asked;
  readonly outcomes: readonly Outcome[];
  readonly row: LedgerRow;
  readonly write: StoreWrite;
}

/** Of records in one write. */
const BATCH = 1_000;
/** How often something may come in between: with another process on the same record, each time one of us gets on. */
const ATTEMPTS = 20;

export class LedgerRecords {
  readonly #options: LedgerRecordsOptions;
  /** By key, in the order in which they were first asked for. */
  readonly #waiting = new Map<string, Asked>();
  /** Keys of writes that may have been carried out. */
  readonly #unsure = new Set<string>();
  #running: Promise<void> | undefined;
  #closed = false;

  constructor(options: LedgerRecordsOptions) {
    this.#options = options;
  }

  /**
   * Resolves when what was asked is durable, and every reader sees it.
   *
   * @throws STORE_UNAVAILABLE (it may have been done: asked again, it is found so), TABLE_FULL (nothing was done).
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

  /** What is known of some keys now, by the store and by the table. */
  async read(keys: readonly string[]): Promise<readonly (LedgerRow | undefined)[]> {
    const { store } = this.#options;
    const records = await store.get(keys);
    return keys.map((key, index) => this.#known(key, records[index]));
  }

  /** True while it is not known whether something was written. */
  get unsure(): boolean {
    return this.#unsure.size > 0;
  }

  /** Looks up what may have been written, and publishes it. @throws STORE_UNAVAILABLE */
  async recheck(): Promise<void> {
    const keys = [...this.#unsure].slice(0, BATCH);
    const records = await this.#options.store.get(keys);
    for (const [index, key] of keys.entries()) {
      const record = records[index];
      if (record) this.#publish(record, this.#known(key, record));
      this.#unsure.delete(key);
    }
  }

  /** Nothing more is written: what waits is refused. Resolves when the write that is under way has its answer. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const asked of this.#waiting.values()) rejectAll(asked, this.#stopped());
    this.#waiting.clear();
    await this.#running;
  }

  /** One write at a time. */
  async #run(): Promise<void> {
    while (this.#waiting.size > 0) {
      // What is asked in this turn of the event loop goes together. And Node hands over up to a thousand messages in one turn, if
      // there is always a next one: what takes time is not done in it, or timers, the heartbeat's too, would wait for all of them.
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

  /** What is to be written; undefined if it is answered already. */
  #plan(asked: Asked, record: StoredRecord | undefined): Planned | undefined {
    const { graceMs, clock, table } = this.#options;
    try {
      const known = this.#known(asked.key, record);
      const { write: changed, outcomes } = applyAll(known, asked.requests, clock.wallMs());
      const row = changed ?? known;
      // What is answered is durable, also what was: what the table alone knows is written again.
      if (!row || (!changed && isKept(row, record, graceMs))) {
        // It may be news to this process' readers.
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

  /** Returns those whose record was changed by somebody else meanwhile, with what it is now. */
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
        // There is no memory left: it is durable, and will be published when it can be.
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
    const message = `A record of '${child}' was changed by others each of ${ATTEMPTS} times that it was to be written`;
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
