/** The batches of a pipeline that works on nothing. They end with the signal, as if the source had ended. */
import { lists } from '../../src/core/batcher.js';
import { pipeline } from '../../src/core/pipeline.js';

export const inBatches = async function* <T>(
  source: Iterable<T> | AsyncIterable<T>,
  size: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<readonly T[], void, undefined> {
  const batcher = lists<T>(size);
  const work = (batch: readonly T[]): Promise<readonly T[]> => Promise.resolve(batch);
  try {
    yield* pipeline({ source, batcher, work, inFlight: 1, signals: [signal], what: 'test' });
  } catch (error) {
    if (!signal?.aborted) throw error;
  }
};
