/**
 * Many rows, as they come, in messages of a size that holds nobody up; a few of them under way at a time.
 */
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
  /** Called after each message that is done, with how many of the tokens are, in order. What it throws ends the bulk. */
  readonly onProgress?: (progress: { readonly done: number }) => void;
  /** Ends it: it rejects with ABORTED. What is done stays done. */
  readonly signal?: AbortSignal;
  /**
   * How long one message of a thousand tokens may take: ms, 0 to 2^31 - 1.
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

/** So many messages wait for the actor at most: it is never idle for want of one, and others have their turn. */
const UNDER_WAY = 4;

/** Of rows that were sent: how many, in order, are done, and if not all, then why. */
interface Sent {
  readonly done: number;
  readonly error?: TokenvisorError;
}

export interface BulkTask<Item> {
  readonly child: string;
  readonly items: Iterable<Item> | AsyncIterable<Item>;
  readonly options: BulkOptions;
  /**
   * Writes an item into a row. Returns what the whole message has to say of its rows: others begin a new message; or
   * undefined if there is nothing to be sent for it.
   */
  readonly write: (rows: Int32Array, index: number, item: Item) => boolean | undefined;
  readonly send: (rows: Int32Array, flag: boolean) => Promise<Sent>;
  /** Called once, when nothing more will be sent. */
  readonly onSent: () => void;
}

/**
 * Resolves with how many items there were. Rejects with a {@link BulkError}. The first messages of an iterable that does not
 * wait have been sent when it returns: {@link UNDER_WAY} of them.
 */
export const runBulk = <Item>(task: BulkTask<Item>): Promise<number> => new Bulk(task).run();

class Bulk<Item> {
  readonly #task: BulkTask<Item>;
  /** In the order in which they were sent. */
  readonly #underWay: Promise<void>[] = [];
  #rows = new Int32Array(ROWS_A_MESSAGE * ROW_WORDS);
  #count = 0;
  /** Those since the last message for which there is nothing to be sent. */
  #skipped = 0;
  #flag = false;
  #done = 0;
  /** The first that failed: what comes after it does not count. */
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

  /** By hand, because a source may keep us waiting for ever after the signal. */
  async #takeAsync(source: AsyncIterator<Item>): Promise<void> {
    const { signal } = this.#task.options;
    let isOver = true;
    try {
      for (;;) {
        const next = await orAborted(source.next(), signal);
        // A source that has thrown is over; it is not when anything else does.
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
        // As it was written: asked again, it might say something else.
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
    // What is posted is a copy, of these rows alone.
    const rows = this.#rows.slice(0, count * ROW_WORDS);
    // Where there is nothing to wait for, others have their turn all the same.
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
