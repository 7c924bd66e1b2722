/**
 * A token set for whoever may change it: in the starting thread, and by a writer in another one.
 */
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
import { checkSource } from '../inbound/in-batches.js';
import { type BulkOptions, checkBulkOptions, runBulk } from './bulk.js';
import { checkedEntry, checkedToken, type InsertOptions, type TokenSetItem } from './token-set-item.js';
import type { SetAnswer, TokenSetMessage } from './token-set-messages.js';
import { isToken, TokenSetReader } from './token-set-reader.js';

/**
 * What both have: reads, and what goes through the mailbox of the actor, in the order in which it was sent. Nothing need be
 * awaited: a write that fails is a `write:failed` event in any case, and never an unhandled rejection.
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
   * Puts a token into the set; resolves when every reader in every thread sees it. Of two expiries the later one wins; a
   * `meta` replaces the one before. One that has expired already is not put in. The token does not leave this thread: a
   * keyed digest of it does.
   *
   * @throws TABLE_FULL if there are `maxEntries` tokens, NO_PROC if there is no actor now, ACTOR_DOWN if it dies over it (it
   * is in the set, or it is not), CALL_TIMEOUT, MAILBOX_FULL, ABORTED, CONFIG_INVALID for what is no token, or options that
   * are none.
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
   * Takes a token out of the set; resolves when no reader in any thread sees it. One that is not there is fine.
   *
   * @throws NO_PROC if there is no actor now, ACTOR_DOWN if it dies over it (it is out of the set, or still in it),
   * CALL_TIMEOUT, MAILBOX_FULL, ABORTED, CONFIG_INVALID for what is no token, or options that are none.
   */
  destroy(token: string, options?: CallOptions): Promise<void> {
    return this.#told('destroy', async () => {
      await this.#call({ kind: 'remove', rows: this.#rowOf(checkedToken(this.name, token)) }, options);
    });
  }

  /**
   * As `exists()`, but behind everything that was sent from here before, awaited or not: it sees what that did.
   *
   * @throws NO_PROC if there is no actor now, ACTOR_DOWN if it dies over it, CALL_TIMEOUT, MAILBOX_FULL, ABORTED,
   * CONFIG_INVALID for options that are none.
   */
  async existsOrdered(token: string, options?: CallOptions): Promise<boolean> {
    checkCallOptions(options, this.name);
    if (!isToken(token)) return false;
    const message: TokenSetMessage = { kind: 'exists', rows: this.#rowOf(token) };
    // What of a bulk is still to be sent was told before, too.
    const left = this.#sending.size > 0 ? await this.#untilSent(options) : options;
    return (await this.#call(message, left)) as boolean;
  }

  /**
   * Puts many tokens into the set, a thousand in a message: of an iterable, or an async one, read no faster than they are
   * put. Resolves with how many there were. An item is a token, or a token with its expiry and meta. When it returns, the
   * first 4,000 of an iterable are sent, ahead of what is sent from here next; of an async one none is.
   *
   * @throws TABLE_FULL, NO_PROC, ACTOR_DOWN, CALL_TIMEOUT, MAILBOX_FULL, ABORTED, CONFIG_INVALID: a {@link BulkError}, with
   * how many are `done`; CONFIG_INVALID for options that are none.
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
   * Takes many tokens out of the set: as insertMany().
   *
   * @throws NO_PROC, ACTOR_DOWN, CALL_TIMEOUT, MAILBOX_FULL, ABORTED, CONFIG_INVALID: a {@link BulkError}, with how many are
   * `done`; CONFIG_INVALID for options that are none.
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
   * Empties the set, for all readers at once. Resolves with how many tokens there were.
   *
   * @throws TABLE_FULL if there is no memory to do it with (it is as it was), NO_PROC, ACTOR_DOWN, CALL_TIMEOUT,
   * MAILBOX_FULL, ABORTED, CONFIG_INVALID for options that are none.
   */
  clear(options?: CallOptions): Promise<number> {
    return this.#told('clear', async () => (await this.#call({ kind: 'clear' }, options)) as number);
  }

  /**
   * Takes out what has expired, now: readers do not see it in any case, but it takes memory. A segment of the table a turn,
   * so that other messages come in between. Resolves with how many tokens there were. By how far the wall clock was set
   * forward in the last two days does not count: it may be wrong.
   *
   * @throws NO_PROC, ACTOR_DOWN, CALL_TIMEOUT (it goes on), MAILBOX_FULL, ABORTED, CONFIG_INVALID for options that are none.
   */
  expungeExpired(options?: CallOptions): Promise<number> {
    return this.#told('expungeExpired', async () => (await this.#call({ kind: 'expunge' }, options)) as number);
  }

  /** Whoever does not wait for it has an event; whoever does has its rejection too. */
  #told<T>(operation: string, run: () => Promise<T>): Promise<T> {
    // In this turn, up to the message: what is sent next comes behind it.
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

  /** Waits for all bulks that send now. Returns the options of a call that has the rest of the time. */
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
