/** Sends many rows, as they arrive, in messages small enough not to delay others; a few are in flight at a time. */
import { abortError, letGo, orAborted } from '../../core/abort.js';
import { checked, custom, object, optional } from '../../config/check.js';
import { waitShape } from '../../config/check-timeout.js';
import { TokenvisorError } from '../../core/errors.js';
import { nextTurn } from '../../core/next-turn.js';
import { ROW_WORDS } from '../../table/layout.js';
import { BulkError } from '../inbound/bulk-error.js';
import { iteratorOf } from '../inbound/in-batches.js';
import { ROWS_A_MESSAGE } from './token-set-messages.js';

/** Options of `insertMany` and `destroyMany`. */
export interface BulkOptions {
  /**
   * Called after each completed message, with how many of the tokens are done, in order. An error that it throws ends
   * the operation.
   */
  readonly onProgress?: (progress: { readonly done: number }) => void;
  /** Ends it: it rejects with ABORTED. Tokens done by then stay done. */
  readonly signal?: AbortSignal;
  /**
   * The timeout of one message of a thousand tokens: ms, 0 to 2^31 - 1.
   * @default 5_000
   */
  readonly timeoutMs?: number;
}

type OnProgress = NonNullable<BulkOptions['onProgress']>;

const shape = object({
  onProgress: optional(custom('a function', (value): value is OnProgress => typeof value === 'function')),
  ...waitShape,
});

/** @throws CONFIG_INVALID */
export const checkBulkOptions = (options: unknown, child: string): BulkOptions =>
  checked(shape, options, 'options', child);

/** The most messages in flight: the actor is never idle for want of one, and other messages are handled in between. */
const UNDER_WAY = 4;

/** The result of sent rows: how many, in order, are done, and the error if not all. */
interface Sent {
  readonly done: number;
  readonly error?: TokenvisorError;
}

export interface BulkTask<Item> {
  readonly child: string;
  readonly items: Iterable<Item> | AsyncIterable<Item>;
  readonly options: BulkOptions;
  /**
   * Writes an item into a row. Returns the flag of the whole message: a row with another flag begins a new message;
   * undefined if nothing is sent for the item.
   */
  readonly write: (rows: Int32Array, index: number, item: Item) => boolean | undefined;
  readonly send: (rows: Int32Array, flag: boolean) => Promise<Sent>;
  /** Called once, when nothing more will be sent. */
  readonly onSent: () => void;
}

/**
 * Resolves with the number of items. Rejects with a {@link BulkError}. For a synchronous iterable, the first
 * {@link UNDER_WAY} messages have been sent when it returns.
 */
export const runBulk = <Item>(task: BulkTask<Item>): Promise<number> => new Bulk(task).run();

class Bulk<Item> {
  readonly #task: BulkTask<Item>;
  /** In the order of sending. */
  readonly #underWay: Promise<void>[] = [];
  #rows = new Int32Array(ROWS_A_MESSAGE * ROW_WORDS);
  #count = 0;
  /** Items since the last message for which nothing is sent. */
  #skipped = 0;
  #flag = false;
  #done = 0;
  /** The first failure: later results do not count. */
  #failure: { readonly error: unknown } | undefined;

  constructor(task: BulkTask<Item>) {
    this.#task = task;
  }

  async run(): Promise<number> {
    const { child, options } = this.#task;
    const { signal } = options;
    try {
      if (signal?.aborted) throw abortError('bulk', signal);
      await this.#take();
      while (this.#underWay.length > 0) await this.#settleOne();
      return this.#done;
    } catch (thrown) {
      this.#task.onSent();
      await Promise.all(this.#underWay);
      const error = this.#failure ? this.#failure.error : thrown;
      if (!(error instanceof TokenvisorError)) throw error;
      const text = `${error.message}. ${this.#done} of the tokens were done before`;
      throw new BulkError(error.code, text, { done: this.#done, child, cause: error });
    }
  }

  async #take(): Promise<void> {
    const { items } = this.#task;
    if (Symbol.asyncIterator in items) {
      await this.#takeAsync(items[Symbol.asyncIterator]());
    } else {
      const iterator = iteratorOf(items);
      for (const item of { [Symbol.iterator]: () => iterator }) {
        this.#add(item);
        this.#throwIfAborted();
        while (this.#underWay.length >= UNDER_WAY) await this.#settleOne();
      }
    }
    if (this.#count + this.#skipped > 0) this.#send();
    this.#task.onSent();
  }

  /** Iterates by hand, because a source may never answer after the signal. */
  async #takeAsync(source: AsyncIterator<Item>): Promise<void> {
    const { signal } = this.#task.options;
    let isOver = true;
    try {
      for (;;) {
        const next = await orAborted(source.next(), signal);
        // A source that has thrown is over; after any other error it is not.
        isOver = next?.done === true;
        if (isOver) return;
        this.#throwIfAborted();
        this.#add(next!.value as Item);
        while (this.#underWay.length >= UNDER_WAY) await this.#settleOne();
        isOver = true;
      }
    } finally {
      if (!isOver) letGo(source);
    }
  }

  #add(item: Item): void {
    const count = this.#count;
    const flag = this.#task.write(this.#rows, count, item);
    if (flag === undefined) {
      this.#skipped += 1;
    } else {
      if (count > 0 && flag !== this.#flag) {
        this.#send();
        // Copied as written: writing the item again might give another result.
        this.#rows.copyWithin(0, count * ROW_WORDS, (count + 1) * ROW_WORDS);
      }
      this.#flag = flag;
      this.#count += 1;
    }
    if (this.#count + this.#skipped >= ROWS_A_MESSAGE) this.#send();
  }

  #send(): void {
    const count = this.#count;
    const skipped = this.#skipped;
    this.#count = 0;
    this.#skipped = 0;
    // A posted message is a copy of these rows only.
    const rows = this.#rows.slice(0, count * ROW_WORDS);
    // Also without a wait, other work runs in between.
    const answer = count === 0 ? nextTurn().then(() => ({ done: 0 })) : this.#task.send(rows, this.#flag);
    const sent = answer.then(
      ({ done, error }: Sent) => this.#note(done === count ? done + skipped : done, error),
      (error: unknown) => this.#note(0, error),
    );
    this.#underWay.push(sent);
  }

  #note(done: number, error: unknown): void {
    if (this.#failure) return;
    this.#done += done;
    if (error !== undefined) this.#failure = { error };
  }

  async #settleOne(): Promise<void> {
    await this.#underWay.shift();
    if (this.#failure) throw this.#failure.error;
    this.#throwIfAborted();
    this.#task.options.onProgress?.({ done: this.#done });
  }

  #throwIfAborted(): void {
    const { signal } = this.#task.options;
    if (signal?.aborted) throw abortError('bulk', signal);
  }
}
