import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { inBatches } from '../../../support/in-batches.js';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const all = async <T>(batches: AsyncIterable<readonly T[]>): Promise<(readonly T[])[]> => {
  const taken: (readonly T[])[] = [];
  for await (const batch of batches) {
    taken.push(batch);
    if (taken.length > 100) throw new Error('it has no end');
  }
  return taken;
};

describe('batches', () => {
  it('are of one size, the last one shorter; of an iterable and of an async one', async () => {
    expect(await all(inBatches([1, 2, 3, 4, 5], 2, undefined))).toEqual([[1, 2], [3, 4], [5]]);
    async function* source() {
      yield* [1, 2];
      await Promise.resolve();
      yield 3;
    }
    expect(await all(inBatches(source(), 3, undefined))).toEqual([[1, 2, 3]]);
    expect(await all(inBatches([], 3, undefined))).toEqual([]);
  });

  it('end with the signal, also while the source is silent, which is told', async () => {
    const controller = new AbortController();
    let returned = false;
    const silent: AsyncIterable<number> = {
      [Symbol.asyncIterator]: () => ({
        next: () => {
          controller.abort();
          return new Promise(() => undefined);
        },
        return: () => {
          returned = true;
          return Promise.resolve({ done: true, value: undefined });
        },
      }),
    };
    expect(await all(inBatches(silent, 2, controller.signal))).toEqual([]);
    expect(returned).toBe(true);
  });

  it('regression: something of each that an async source gave was kept until its end', async () => {
    async function* source() {
      for (let index = 0; index < 32_000; index += 1) yield await Promise.resolve(index);
    }
    const heap: number[] = [];
    for await (const batch of inBatches(source(), 1_000, new AbortController().signal)) {
      if (batch[0] !== 2_000 && batch[0] !== 31_000) continue;
      collectGarbage();
      heap.push(process.memoryUsage().heapUsed);
    }
    const [early, late] = heap as [number, number];
    expect((late - early) / 29_000).toBeLessThan(100);
  });

  it('regression: promises of another realm, and what is only like one, were taken for results, without end', async () => {
    const foreign = runInNewContext(`(async function* () { yield 1; yield 2; })()`) as AsyncIterable<number>;
    expect(await all(inBatches(foreign, 5, undefined))).toEqual([[1, 2]]);
  });
});
