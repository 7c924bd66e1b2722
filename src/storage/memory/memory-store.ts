/** The store in memory: three maps in the actor's heap. */
import type {
  OpenStore,
  Store,
  StoreChanges,
  StoredRecord,
  StoreRemoval,
  StoreEntries,
  StoreWrite,
  StoreWriteResult,
} from '../port/store.js';

/** How many records a batch has. */
const BATCH = 1_000;

class MemoryStore implements Store {
  readonly exclusive = true;
  readonly #records = new Map<string, StoredRecord>();
  readonly #keysOfSubjects = new Map<string, Set<string>>();
  /** Keys by the whole second in which they expire: few buckets, sorted when they are needed. */
  readonly #keysOfSeconds = new Map<number, Set<string>>();

  async entries(): Promise<StoreEntries> {
    const keys = [...this.#records.keys()];
    return { cursor: '', batches: this.#batchesOf(keys) };
  }

  get(keys: readonly string[]): Promise<readonly (StoredRecord | undefined)[]> {
    return Promise.resolve(keys.map((key) => copyOf(this.#records.get(key))));
  }

  write(writes: readonly StoreWrite[]): Promise<readonly StoreWriteResult[]> {
    return Promise.resolve().then(() => writes.map((write) => this.#writeOne(write)));
  }

  async *bySubject(subject: string): AsyncIterable<readonly StoredRecord[]> {
    const keys = [...(this.#keysOfSubjects.get(subject) ?? [])];
    yield* this.#batchesOf(keys);
  }

  expired(beforeMs: number, limit: number): Promise<readonly StoredRecord[]> {
    const found: StoredRecord[] = [];
    const seconds = [...this.#keysOfSeconds.keys()].filter((second) => second * 1_000 < beforeMs).sort((a, b) => a - b);
    for (const second of seconds) {
      if (found.length >= limit) break;
      const records = [...this.#keysOfSeconds.get(second)!].map((key) => this.#records.get(key)!);
      found.push(...records.filter(({ expiresAtMs }) => expiresAtMs < beforeMs).sort(byExpiry));
    }
    return Promise.resolve(found.slice(0, limit).map((record) => copyOf(record)!));
  }

  remove(records: readonly StoreRemoval[]): Promise<number> {
    const gone = records.filter(({ key, version }) => {
      const found = this.#records.get(key);
      if (found?.version !== version) return false;
      this.#unindex(found);
      return this.#records.delete(key);
    });
    return Promise.resolve(gone.length);
  }

  changes(cursor: string): Promise<StoreChanges> {
    return Promise.resolve({ entries: [], cursor });
  }

  close(): Promise<void> {
    for (const map of [this.#records, this.#keysOfSubjects, this.#keysOfSeconds]) map.clear();
    return Promise.resolve();
  }

  #writeOne({ replaces, replacesExpiresAtMs: _, ...write }: StoreWrite): StoreWriteResult {
    const found = this.#records.get(write.key);
    if ((found?.version ?? 0) !== replaces) return { written: false, found: copyOf(found) };
    const record: StoredRecord = { ...write, data: jsonOf(write.data), version: replaces + 1 };
    if (found) this.#unindex(found);
    this.#records.set(record.key, record);
    if (record.subject !== undefined) addTo(this.#keysOfSubjects, record.subject, record.key);
    if (record.expiresAtMs !== Infinity) addTo(this.#keysOfSeconds, secondOf(record), record.key);
    return { written: true, version: record.version };
  }

  #unindex(record: StoredRecord): void {
    if (record.subject !== undefined) takeFrom(this.#keysOfSubjects, record.subject, record.key);
    takeFrom(this.#keysOfSeconds, secondOf(record), record.key);
  }

  /** The records of these keys, read when each batch is requested. */
  async *#batchesOf(keys: readonly string[]): AsyncIterable<readonly StoredRecord[]> {
    for (let at = 0; at < keys.length; at += BATCH) {
      const records = keys.slice(at, at + BATCH).map((key) => copyOf(this.#records.get(key)));
      yield records.filter((record) => record !== undefined);
    }
  }
}

const byExpiry = (a: StoredRecord, b: StoredRecord): number => a.expiresAtMs - b.expiresAtMs;
const secondOf = ({ expiresAtMs }: StoredRecord): number => Math.floor(expiresAtMs / 1_000);

/** A copy as JSON: a caller that keeps the original can't change the stored data. */
const jsonOf = (data: unknown): unknown => JSON.parse(JSON.stringify(data ?? null)) as unknown;

const copyOf = (record: StoredRecord | undefined): StoredRecord | undefined =>
  record && { ...record, data: jsonOf(record.data) };

const addTo = <K>(map: Map<K, Set<string>>, at: K, key: string): void => {
  const keys = map.get(at);
  if (keys) keys.add(key);
  else map.set(at, new Set([key]));
};

const takeFrom = <K>(map: Map<K, Set<string>>, at: K, key: string): void => {
  const keys = map.get(at);
  keys?.delete(key);
  if (keys?.size === 0) map.delete(at);
};

/** Opens an empty store in memory. */
export const openMemoryStore: OpenStore = () => Promise.resolve(new MemoryStore());
