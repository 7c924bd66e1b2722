/** A store in memory whose answers a test can hold up, and spoil. */
import { openMemoryStore } from '../../src/storage/memory/memory-store.js';
import { TokenvisorError } from '../../src/core/errors.js';
import { systemClock } from '../../src/core/clock.js';
import type {
  Store,
  StoreChanges,
  StoredEntry,
  StoredRecord,
  StoreWrite,
  StoreWriteResult,
} from '../../src/storage/port/store.js';

type Spoil = 'before' | 'after';

export const away = (): TokenvisorError => new TokenvisorError('STORE_UNAVAILABLE', 'the store is away');

export class ScriptedStore implements Store {
  readonly #inner: Store;
  readonly exclusive: boolean;
  /** All that was asked of it, in order: `get 2`, `write 1`. */
  readonly asked: string[] = [];
  /** What was written, as what has changed. */
  changed: StoredEntry[] = [];
  /** It can't tell what has changed. */
  hasLostCount = false;
  /** Every operation rejects. */
  isAway = false;
  /** The next writes reject, before or after they are carried out. */
  spoilWrites: Spoil[] = [];
  /** Called before a write is carried out: somebody else may come first. */
  beforeWrite: (writes: readonly StoreWrite[]) => unknown = () => undefined;

  constructor(inner: Store, exclusive: boolean) {
    this.#inner = inner;
    this.exclusive = exclusive;
  }

  static async open({ exclusive = true } = {}): Promise<ScriptedStore> {
    const inner = await openMemoryStore(undefined, { clock: systemClock, owner: 'test', changed: () => undefined });
    return new ScriptedStore(inner, exclusive);
  }

  async entries(): ReturnType<Store['entries']> {
    this.#ask('entries');
    return this.#inner.entries();
  }

  async get(keys: readonly string[]): Promise<readonly (StoredRecord | undefined)[]> {
    this.#ask(`get ${keys.length}`);
    return this.#inner.get(keys);
  }

  async write(writes: readonly StoreWrite[]): Promise<readonly StoreWriteResult[]> {
    this.#ask(`write ${writes.length}`);
    await this.beforeWrite(writes);
    const spoil = this.spoilWrites.shift();
    if (spoil === 'before') throw away();
    const results = await this.writeBehind(writes);
    if (spoil === 'after') throw away();
    return results;
  }

  /** As another process would. */
  async writeBehind(writes: readonly StoreWrite[]): Promise<readonly StoreWriteResult[]> {
    const results = await this.#inner.write(writes);
    this.changed.push(...writes.filter((_, index) => results[index]!.written));
    return results;
  }

  bySubject(subject: string): AsyncIterable<readonly StoredRecord[]> {
    this.#ask('bySubject');
    return this.#inner.bySubject(subject);
  }

  async expired(beforeMs: number, limit: number): Promise<readonly StoredRecord[]> {
    this.#ask(`expired ${limit}`);
    return this.#inner.expired(beforeMs, limit);
  }

  async remove(records: readonly Pick<StoredRecord, 'key' | 'version'>[]): Promise<number> {
    this.#ask(`remove ${records.length}`);
    return this.#inner.remove(records);
  }

  async changes(cursor: string): Promise<StoreChanges | undefined> {
    this.#ask('changes');
    if (this.hasLostCount) return undefined;
    return { entries: this.changed.slice(Number(cursor)), cursor: String(this.changed.length) };
  }

  close(): Promise<void> {
    return this.#inner.close();
  }

  #ask(what: string): void {
    this.asked.push(what);
    if (this.isAway) throw away();
  }
}
