/**
 * Takes items from a source, collects them into batches, and works on a bounded number of batches at a time.
 */
import { abortError, letGo, listenForAbort } from './abort.js';
import type { Batcher } from './batcher.js';
import { iteratorOf } from './source.js';

export interface Pipeline<Item, Batch, Result> {
  readonly source: Iterable<Item> | AsyncIterable<Item>;
  readonly batcher: Batcher<Item, Batch>;
  /** Works on a batch. Time limits are its own: a rejection ends the pipeline. */
  readonly work: (batch: Batch) => Promise<Result>;
  /** How many batches may be under way, at least 1. While that many are, nothing is taken from the source. */
  readonly inFlight: number;
  /** Each of them ends the pipeline. */
  readonly signals: readonly (AbortSignal | undefined)[];
  /** Names the operation in the error of an abort. */
  readonly what: string;
  /** Called at the end, for any reason, before work under way is waited for. */
  readonly onEnd?: () => void;
}

/** A promise whose outcome can be taken synchronously. */
interface Watched<T> {
  readonly settled: Promise<void>;
  /** Returns its value, or throws its error. */
  outcome?: () => T;
}

/**
 * Yields the result of each batch, in the order of the source, and takes no more while the consumer is busy. A source that
 * does not wait is read in the first `next()`, until `inFlight` batches are under way. The first error ends it: of the
 * source, of the oldest batch, or ABORTED. It then closes the source without waiting for it, and waits for the work under way.
 *
 * @throws ABORTED by a signal, CONFIG_INVALID if the source can't be iterated, and what the source or the work throws.
 */
export const pipeline = async function* <Item, Batch, Result>({
  source,
  batcher,
  work,
  inFlight,
  signals,
  what,
  onEnd,
}: Pipeline<Item, Batch, Result>): AsyncGenerator<Result, void, undefined> {
  let aborted = signals.find((signal) => signal?.aborted);
  const throwIfAborted = (): void => {
    if (aborted) throw abortError(what, aborted);
  };
  throwIfAborted();
  const isAsync = Symbol.asyncIterator in source;
  const iterator = isAsync ? source[Symbol.asyncIterator]() : iteratorOf(source);
  const underWay: Watched<Result>[] = [];
  let incoming: Watched<IteratorResult<Item, unknown>> | undefined;
  let isOver = false as boolean;
  // One promise for whatever happens next. A race would keep something of each item for as long as the oldest batch lasts.
  let wake = (): void => undefined;
  const change = (): Promise<void> => new Promise((resolve) => (wake = resolve));
  const watch = <T>(promise: PromiseLike<T> | T): Watched<T> => {
    const settle = (outcome: () => T): void => {
      watched.outcome = outcome;
      wake();
    };
    const fail = (error: unknown): void =>
      settle(() => {
        throw error;
      });
    const watched: Watched<T> = { settled: Promise.resolve(promise).then((value) => settle(() => value), fail) };
    return watched;
  };
  const take = (receive: () => IteratorResult<Item, unknown>): void => {
    isOver = true; // A source that throws is over: it is not closed.
    const { done, value } = receive();
    isOver = done === true;
    throwIfAborted();
    const batch = done === true ? batcher.rest() : batcher.add(value);
    if (batch !== undefined) underWay.push(watch(work(batch)));
  };
  const stopListening = signals.map((signal) =>
    listenForAbort(signal, () => {
      aborted ??= signal;
      wake();
    }),
  );
  const receiveNext = (): IteratorResult<Item, unknown> => iterator.next() as IteratorResult<Item, unknown>;
  // Not in the loop below: V8 optimizes it better in a function that is no generator.
  const takeBatch = (): void => {
    const { length } = underWay;
    while (!isOver && underWay.length === length) take(receiveNext);
  };
  try {
    while (!isOver || underWay.length > 0) {
      throwIfAborted();
      const first = underWay[0]?.outcome;
      const next = incoming?.outcome;
      if (first) {
        underWay.shift();
        yield first();
      } else if (next) {
        incoming = undefined;
        take(next);
      } else if (isOver || incoming || underWay.length >= inFlight) {
        await change();
      } else if (isAsync) {
        incoming = watch(iterator.next());
      } else {
        takeBatch();
      }
    }
  } finally {
    for (const stop of stopListening) stop();
    if (!isOver) letGo(iterator);
    onEnd?.();
    await Promise.all(underWay.map(({ settled }) => settled));
  }
};
