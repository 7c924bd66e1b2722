/**
 * Many rows, as they come, in messages of a size that holds nobody up; a few of them under way at a time.
 */
import { abortError, listenForAbort } from '../../abort.js';
import { TokenvisorError } from '../../errors.js';
import { ROW_WORDS } from '../../table/layout.js';
import { BulkError } from '../bulk-error.js';
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
}

/** Resolves with how many items there were. Rejects with a {@link BulkError}. */
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
      if (this.#count + this.#skipped > 0) this.#send();
      while (this.#underWay.length > 0) await this.#settleOne();
      return this.#done;
    } catch (thrown) {
      await Promise.all(this.#underWay);
      const error = this.#failure ? this.#failure.error : thrown;
      if (!(error instanceof TokenvisorError)) throw error;
      const text = `${error.message}. ${this.#done} of the tokens were done before`;
      throw new BulkError(error.code, text, { done: this.#done, child, cause: error });
    }
  }

  async #take(): Promise<void> {
    const { items } = this.#task;
    if (Symbol.asyncIterator in items) return this.#takeAsync(items);
    for (const item of items) {
      this.#add(item);
      this.#throwIfAborted();
      while (this.#underWay.length >= UNDER_WAY) await this.#settleOne();
    }
  }

  /** By hand, because a source may keep us waiting for ever after the signal. */
  async #takeAsync(items: AsyncIterable<Item>): Promise<void> {
    const { signal } = this.#task.options;
    const iterator = items[Symbol.asyncIterator]();
    let unlisten = (): void => undefined;
    const aborted = new Promise<never>((_resolve, reject) => {
      unlisten = listenForAbort(signal, () => reject(abortError('bulk', signal)));
    });
    aborted.catch(() => undefined);
    try {
      for (;;) {
        const next = await Promise.race([iterator.next(), aborted]);
        if (next.done) return;
        this.#add(next.value);
        while (this.#underWay.length >= UNDER_WAY) await this.#settleOne();
      }
    } catch (error) {
      // It may be in the middle of something that does not end.
      void Promise.resolve(iterator.return?.()).catch(() => undefined);
      throw error;
    } finally {
      unlisten();
    }
  }

  #add(item: Item): void {
    const flag = this.#task.write(this.#rows, this.#count, item);
    if (flag === undefined) {
      this.#skipped += 1;
      return;
    }
    if (this.#count > 0 && flag !== this.#flag) {
      this.#send();
      this.#task.write(this.#rows, 0, item);
    }
    this.#flag = flag;
    this.#count += 1;
    if (this.#count === ROWS_A_MESSAGE) this.#send();
  }

  #send(): void {
    const count = this.#count;
    const skipped = this.#skipped;
    this.#count = 0;
    this.#skipped = 0;
    // What is posted is a copy, of these rows alone.
    const rows = this.#rows.slice(0, count * ROW_WORDS);
    const answer = count === 0 ? Promise.resolve({ done: 0 }) : this.#task.send(rows, this.#flag);
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
