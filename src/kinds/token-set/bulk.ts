/**
 * Sends the rows of many tokens to the actor of a token set, in messages of bounded size, a few of them ahead of their answers.
 */
import type { Batcher } from '../../core/batcher.js';
import { checked, custom, object, optional } from '../../config/check.js';
import { waitShape } from '../../config/check-timeout.js';
import { nextTurn } from '../../core/next-turn.js';
import { pipeline } from '../../core/pipeline.js';
import { ROW_WORDS } from '../../table/layout.js';
import { bulkError } from '../inbound/bulk-error.js';
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

/** How many messages wait for the actor at most: it always has a next one, and other senders get their turn. */
const IN_FLIGHT = 4;

/** Of the rows of a message: how many, in order, are done, and if not all, then why. */
interface Sent {
  readonly done: number;
  readonly error?: Error;
}

export interface BulkTask<Item> {
  readonly child: string;
  readonly items: Iterable<Item> | AsyncIterable<Item>;
  readonly options: BulkOptions;
  /**
   * Writes an item into a row. Returns the flag of the message that the row goes into; a change of the flag begins a new
   * message. Returns undefined if the item needs no row.
   */
  readonly write: (rows: Int32Array, index: number, item: Item) => boolean | undefined;
  readonly send: (rows: Int32Array, flag: boolean) => Promise<Sent>;
  /** Called at the end of the items, in the turn in which the last message is sent. */
  readonly onSent: () => void;
}

/**
 * Resolves with how many items there were. Rejects with a {@link BulkError}. The first messages of an iterable that does not
 * wait have been sent when it returns: {@link IN_FLIGHT} of them.
 */
export const runBulk = async <Item>(task: BulkTask<Item>): Promise<number> => {
  const { child, items, options, send } = task;
  let done = 0;
  let failure: Error | undefined;
  const work = async ({ rows, flag, skipped }: Message): Promise<{ done: number }> => {
    // Without rows it waits a turn all the same, so that the thread does other work.
    const answer: Promise<Sent> = rows.length === 0 ? nextTurn().then(() => ({ done: 0 })) : send(rows, flag);
    const sent = await answer.catch((error: unknown): Sent => ({ done: 0, error: error as Error }));
    // Counted here, because it counts after the end of the pipeline as well. After a failure nothing does.
    if (!failure) done += sent.error ? sent.done : sent.done + skipped;
    failure ??= sent.error;
    if (failure) throw failure;
    return { done };
  };
  const signals = [options.signal];
  const sent = { source: items, batcher: messages(task), work, inFlight: IN_FLIGHT, signals, what: 'bulk' };
  try {
    for await (const progress of pipeline(sent)) options.onProgress?.(progress);
    return done;
  } catch (error) {
    throw bulkError(failure ?? error, done, child);
  }
};

interface Message {
  readonly rows: Int32Array;
  readonly flag: boolean;
  /** How many items since the last message needed no row. */
  readonly skipped: number;
}

const messages = <Item>({ write, onSent }: BulkTask<Item>): Batcher<Item, Message> => {
  const rows = new Int32Array(ROWS_A_MESSAGE * ROW_WORDS);
  let [count, skipped, flag] = [0, 0, false];
  const take = (): Message => {
    // A copy of these rows alone: this is what is posted.
    const message = { rows: rows.slice(0, count * ROW_WORDS), flag, skipped };
    count = 0;
    skipped = 0;
    return message;
  };
  const add = (item: Item): Message | undefined => {
    const at = count;
    const wanted = write(rows, at, item);
    const before = at > 0 && wanted !== undefined && wanted !== flag ? take() : undefined;
    // Copied, not written again: a getter of the item could return another value.
    if (before) rows.copyWithin(0, at * ROW_WORDS, (at + 1) * ROW_WORDS);
    if (wanted === undefined) skipped += 1;
    else count += 1;
    flag = wanted ?? flag;
    return count + skipped >= ROWS_A_MESSAGE ? take() : before;
  };
  const rest = (): Message | undefined => {
    onSent();
    return count + skipped > 0 ? take() : undefined;
  };
  return { add, rest };
};
