/**
 * Preserves a refresh token across crashes: in sealed shared memory, which survives the actor, and in a file, which
 * survives the process.
 *
 * Every write goes to the file first and to memory second. The state after a crash in between:
 *
 * | written                | file has             | memory has   | so                                             |
 * | ---------------------- | -------------------- | ------------ | ---------------------------------------------- |
 * | intent, before file    | old                  | old          | nothing was sent                               |
 * | intent, between        | intent               | old          | nothing was sent (memory is the last before it) |
 * | intent, after both     | intent               | intent       | ambiguous                                      |
 * | answer, before file    | intent               | intent       | ambiguous                                      |
 * | answer, between        | the new token        | intent       | the new token is valid: the file is newer      |
 * | answer, after both     | the new token        | the new one  | nothing to do                                  |
 *
 * The other order would lose the new token if the process died in the fifth row. If the file can't be written after an
 * answer, the new token still goes to memory, and the file is updated before any other step. When the whole process
 * dies, only the file remains: an intent in it is ambiguous.
 */
import type { Clock } from '../core/clock.js';
import type { RefreshTokenStore } from './file.js';
import type { Vault } from '../oauth/provider.js';
import {
  afterAnswer,
  isNewSeed,
  parseRecord,
  reconcile,
  recordAsJson,
  seededRecord,
  withIntent,
  type Intent,
  type RefreshRecord,
} from './record.js';

export interface RefreshTokenJournalOptions {
  readonly vault: Vault;
  /** Undefined: memory alone. */
  readonly store: RefreshTokenStore | undefined;
  readonly writer: string;
  readonly clock: Clock;
  readonly singleUse: boolean;
  /** Reads the refresh token of the options; throws if it can't be read. */
  readonly readSeed: () => string;
}

export class RefreshTokenJournal {
  readonly #options: RefreshTokenJournalOptions;

  constructor(options: RefreshTokenJournalOptions) {
    this.#options = options;
  }

  /**
   * The valid record, stored in both places when it returns.
   *
   * @throws `store_failed`, `secret_unreadable` ProviderErrors
   */
  load(): RefreshRecord {
    const { vault, store, writer, clock, singleUse } = this.#options;
    store?.open();
    const kept = parseRecord(vault.read());
    const filed = store?.load();
    const held = reconcile(kept, filed, writer);
    const seed = this.#seed(held !== undefined);
    const seeded = seed !== undefined && (held === undefined || isNewSeed(held, seed, singleUse));
    const record = seeded ? seededRecord(seed, writer, clock.wallMs(), held) : held!;
    if (record.revision !== filed?.revision) store?.save(record, filed?.revision);
    if (record.revision !== kept?.revision) vault.write(recordAsJson(record));
    return record;
  }

  /** Makes durable that the token is about to be sent. The request may be sent once this has returned. */
  begin(record: RefreshRecord, intent: Intent): RefreshRecord {
    const next = withIntent(record, this.#options.writer, intent);
    this.#options.store?.save(next, record.revision);
    this.#options.vault.write(recordAsJson(next));
    return next;
  }

  /** Makes the answer durable, with or without a new refresh token. */
  settle(record: RefreshRecord, refreshToken: string | undefined): void {
    this.#conclude(record, afterAnswer(record, this.#options.writer, refreshToken));
  }

  /** Makes durable that the token was not spent; an earlier exchange that is still open stays open. */
  takeBack(record: RefreshRecord, earlier: Intent | undefined): void {
    this.#conclude(record, withIntent(record, this.#options.writer, earlier));
  }

  close(): void {
    this.#options.store?.close();
  }

  #conclude(record: RefreshRecord, next: RefreshRecord): void {
    try {
      this.#options.store?.save(next, record.revision);
    } finally {
      this.#options.vault.write(recordAsJson(next)); // Done even if the file can't be written: load() updates the file later.
    }
  }

  /** Reads the seed. It is needed once: after that, its file may be gone. */
  #seed(canDoWithout: boolean): string | undefined {
    try {
      return this.#options.readSeed();
    } catch (error) {
      if (canDoWithout) return undefined;
      throw error;
    }
  }
}
