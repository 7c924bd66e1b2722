/** A token set with its operations that change it: for the starting thread, and for a writer in another one. */
import { orAborted } from '../../core/abort.js';
import { type ActorRef, checkCallOptions } from '../../messaging/actor-ref.js';
import { type CallOptions, callTimeout, DEFAULT_CALL_TIMEOUT_MS } from '../../messaging/call-port.js';
import { toWireError } from '../../core/wire-error.js';
import { systemClock } from '../../core/clock.js';
import { optionsOf } from '../../config/check.js';
import { TokenvisorError } from '../../core/errors.js';
import { expirySeconds } from '../../table/expiry.js';
import { ROW_WORDS } from '../../table/layout.js';
import type { RemoteRef } from '../../messaging/remote-ref.js';
import { within } from '../../core/within.js';
import { checkSource } from '../../core/source.js';
import { type BulkOptions, checkBulkOptions, runBulk } from './bulk.js';
import { checkedEntry, checkedToken, type InsertOptions, type TokenSetItem } from './token-set-item.js';
import type { SetAnswer, TokenSetMessage } from './token-set-messages.js';
import { isToken, TokenSetReader } from './token-set-reader.js';

/**
 * The common part of both: reads, and calls to the actor, in the order in which they were sent. No call has to be
 * awaited: a failed write is a `write:failed` event in any case, and never an unhandled rejection.
 */
export class TokenSetClient extends TokenSetReader {
  readonly #ref: ActorRef;
  /** Of each bulk that has something left to send: until it has not. */
  readonly #sending = new Set<Promise<void>>();

  /** @internal */
  constructor(ref: ActorRef) {
    super(ref);
    this.#ref = ref;
  }

  /**
   * Puts a token into the set; resolves when every reader in every thread sees it. Of two expiries the later one is
   * kept; a `meta` replaces the previous one. An expired token is not put in. The token does not leave this thread:
   * only a keyed digest of it does.
   *
   * @throws TABLE_FULL if there are `maxEntries` tokens, NO_PROC if there is no actor now, ACTOR_DOWN if it dies during
   *   it (the token may be in the set or not), CALL_TIMEOUT, MAILBOX_FULL, ABORTED, CONFIG_INVALID for an invalid token
   *   or invalid options.
   * @example
   * await sessions.insert(token.value, { expiresAtMs: Date.now() + 3_600_000, meta: 42 });
   */
  insert(token: string, options: InsertOptions & CallOptions = {}): Promise<void> {
    return this.#told('insert', async () => {
      const { expiresAtMs, meta, ...call } = optionsOf(options, 'options', this.name);
      const entry = checkedEntry(this.name, { token, expiresAtMs, meta });
      const rows = new Int32Array(ROW_WORDS);
      if (entry.expiresAtMs <= Date.now()) return;
      this.#writeRow(rows, 0, entry);
      const { error } = await this.#set(rows, entry.meta === undefined, call);
      if (error) throw error;
    });
  }

  /**
   * Removes a token from the set; resolves when no reader in any thread sees it. A missing token is not an error.
   *
   * @throws NO_PROC if there is no actor now, ACTOR_DOWN if it dies during it (the token may be removed or not),
   *   CALL_TIMEOUT, MAILBOX_FULL, ABORTED, CONFIG_INVALID for an invalid token or invalid options.
   */
  destroy(token: string, options?: CallOptions): Promise<void> {
    return this.#told('destroy', async () => {
      await this.#call({ kind: 'remove', rows: this.#rowOf(checkedToken(this.name, token)) }, options);
    });
  }

  /**
   * As `exists()`, but after everything that was sent from here before, awaited or not: it sees the results.
   *
   * @throws NO_PROC if there is no actor now, ACTOR_DOWN if it dies during it, CALL_TIMEOUT, MAILBOX_FULL, ABORTED,
   *   CONFIG_INVALID for invalid options.
   */
  async existsOrdered(token: string, options?: CallOptions): Promise<boolean> {
    checkCallOptions(options, this.name);
    if (!isToken(token)) return false;
    const message: TokenSetMessage = { kind: 'exists', rows: this.#rowOf(token) };
    // The unsent rest of an earlier bulk operation comes first.
    const left = this.#sending.size > 0 ? await this.#untilSent(options) : options;
    return (await this.#call(message, left)) as boolean;
  }

  /**
   * Puts many tokens into the set, a thousand in a message: from an iterable, or an async one, read no faster than they
   * are put. Resolves with the number of items. An item is a token, or a token with its expiry and meta. For a
   * synchronous iterable, the first 4,000 have been sent when it returns, ahead of later calls from here; for an async
   * one none.
   *
   * @throws TABLE_FULL, NO_PROC, ACTOR_DOWN, CALL_TIMEOUT, MAILBOX_FULL, ABORTED, CONFIG_INVALID: a {@link BulkError},
   *   with how many are `done`; CONFIG_INVALID for invalid options.
   * @example
   * await sessions.insertMany(
   *   ['a', 'b', { token: 'c', expiresAtMs: Date.now() + 60_000 }],
   *   { onProgress: ({ done }) => console.log(done) },
   * );
   */
  insertMany(items: Iterable<TokenSetItem> | AsyncIterable<TokenSetItem>, options: BulkOptions = {}): Promise<number> {
    return this.#bulk('insertMany', (onSent) => {
      const given = this.#bulkOptions(items, options);
      const call = given.timeoutMs === undefined ? {} : { timeoutMs: given.timeoutMs };
      return runBulk({
        child: this.name,
        items,
        options: given,
        write: (rows, index, item) => {
          const entry = checkedEntry(this.name, item);
          if (entry.expiresAtMs <= Date.now()) return undefined;
          this.#writeRow(rows, index, entry);
          return entry.meta === undefined;
        },
        send: (rows, keepMeta) => this.#set(rows, keepMeta, call),
        onSent,
      });
    });
  }

  /**
   * Removes many tokens from the set: as insertMany().
   *
   * @throws NO_PROC, ACTOR_DOWN, CALL_TIMEOUT, MAILBOX_FULL, ABORTED, CONFIG_INVALID: a {@link BulkError}, with how
   *   many are `done`; CONFIG_INVALID for invalid options.
   */
  destroyMany(tokens: Iterable<string> | AsyncIterable<string>, options: BulkOptions = {}): Promise<number> {
    return this.#bulk('destroyMany', (onSent) => {
      const given = this.#bulkOptions(tokens, options);
      const call = given.timeoutMs === undefined ? {} : { timeoutMs: given.timeoutMs };
      return runBulk({
        child: this.name,
        items: tokens,
        options: given,
        write: (rows, index, token) => {
          this.rows.writeRow(rows, index, checkedToken(this.name, token), 0);
          return true;
        },
        send: async (rows) => {
          await this.#call({ kind: 'remove', rows }, call);
          return { done: rows.length / ROW_WORDS };
        },
        onSent,
      });
    });
  }

  /**
   * Empties the set, for all readers at once. Resolves with the number of tokens removed.
   *
   * @throws TABLE_FULL if there is not enough memory for it (the set is unchanged), NO_PROC, ACTOR_DOWN, CALL_TIMEOUT,
   *   MAILBOX_FULL, ABORTED, CONFIG_INVALID for invalid options.
   */
  clear(options?: CallOptions): Promise<number> {
    return this.#told('clear', async () => (await this.#call({ kind: 'clear' }, options)) as number);
  }

  /**
   * Removes expired tokens now, to free memory: readers do not see them in any case. One segment of the table a turn,
   * so that other messages are handled in between. Resolves with the number of tokens removed. A forward step of the
   * wall clock in the last two days does not count: it may be wrong.
   *
   * @throws NO_PROC, ACTOR_DOWN, CALL_TIMEOUT (it continues), MAILBOX_FULL, ABORTED, CONFIG_INVALID for invalid
   *   options.
   */
  expungeExpired(options?: CallOptions): Promise<number> {
    return this.#told('expungeExpired', async () => (await this.#call({ kind: 'expunge' }, options)) as number);
  }

  /** Emits an event for a failure, which a caller that does not wait would miss. */
  #told<T>(operation: string, run: () => Promise<T>): Promise<T> {
    // Runs in this turn up to the message: later calls are sent after it.
    const done = (async () => run())();
    done.catch((error: unknown) => {
      this.#ref.emit('write:failed', { operation, code: toWireError(error).code ?? 'INTERNAL' });
    });
    return done;
  }

  #bulk(operation: string, run: (onSent: () => void) => Promise<number>): Promise<number> {
    let resolve = (): void => undefined;
    const sent = new Promise<void>((resolved) => (resolve = resolved));
    const onSent = (): void => {
      this.#sending.delete(sent);
      resolve();
    };
    this.#sending.add(sent);
    const done = this.#told(operation, () => run(onSent));
    done.catch(onSent);
    return done;
  }

  /** Waits for all bulk operations that are sending now. Returns the options of a call with the remaining time. */
  async #untilSent({ timeoutMs = DEFAULT_CALL_TIMEOUT_MS, signal }: CallOptions = {}): Promise<CallOptions> {
    const endsAtMs = systemClock.monoMs() + timeoutMs;
    const sent = orAborted(Promise.all(this.#sending), signal);
    if (!(await within(timeoutMs, sent))) throw callTimeout(this.name, timeoutMs);
    const leftMs = Math.max(0, Math.ceil(endsAtMs - systemClock.monoMs()));
    return { timeoutMs: leftMs, ...(signal && { signal }) };
  }

  #call(message: TokenSetMessage, options: CallOptions | undefined): Promise<unknown> {
    return this.#ref.call(message, options);
  }

  async #set(
    rows: Int32Array,
    keepMeta: boolean,
    options: CallOptions,
  ): Promise<{ done: number; error?: TokenvisorError }> {
    const { written, full } = (await this.#call({ kind: 'set', rows, keepMeta }, options)) as SetAnswer;
    if (full === undefined) return { done: written };
    return { done: written, error: new TokenvisorError('TABLE_FULL', full, { child: this.name }) };
  }

  #writeRow(rows: Int32Array, index: number, { token, expiresAtMs, meta = 0 }: ReturnType<typeof checkedEntry>): void {
    this.rows.writeRow(rows, index, token, expirySeconds(expiresAtMs, 'down'), meta);
  }

  #rowOf(token: string): Int32Array {
    const rows = new Int32Array(ROW_WORDS);
    this.rows.writeRow(rows, 0, token, 0);
    return rows;
  }

  #bulkOptions(items: unknown, options: BulkOptions): BulkOptions {
    const given = checkBulkOptions(options, this.name);
    checkSource(items, this.name);
    return given;
  }
}

/**
 * What `attach()` makes of a `writer()`. It goes on over restarts of the actor, also while the starting thread is blocked.
 */
export class TokenSetWriter extends TokenSetClient {
  readonly #remote: RemoteRef;

  /** @internal Use attach(). */
  constructor(ref: RemoteRef) {
    super(ref);
    this.#remote = ref;
  }

  /** Lets go of its ports, as the end of its thread does: writes reject with NO_PROC then, reads go on. */
  close(): void {
    this.#remote.close();
  }
}
