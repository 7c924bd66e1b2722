/** The pipeline by itself: each batch of work is a promise that the test settles. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { asTheyAre, lists } from '../../../src/core/batcher.js';
import { TokenvisorError } from '../../../src/core/errors.js';
import { pipeline } from '../../../src/core/pipeline.js';
import { within } from '../../../src/core/within.js';
import { createSimulatedClock } from '../../../src/testing/simulated-clock.js';
import { turn } from '../../support/turn.js';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

interface Job {
  readonly batch: readonly number[];
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

interface Options {
  readonly size?: number;
  readonly inFlight?: number;
  readonly signals?: readonly (AbortSignal | undefined)[];
  readonly onResult?: (result: readonly number[]) => unknown;
}

/** Runs a pipeline over `source`: what was started, what was yielded, and how it ended. */
const run = (source: Iterable<number> | AsyncIterable<number>, options: Options = {}) => {
  const { size = 1, inFlight = 2, signals = [], onResult } = options;
  const jobs: Job[] = [];
  const results: (readonly number[])[] = [];
  const work = (batch: readonly number[]): Promise<readonly number[]> =>
    new Promise((resolve, reject) => jobs.push({ batch, resolve: () => resolve(batch), reject }));
  let ends = 0;
  const onEnd = (): void => void (ends += 1);
  const consume = async (): Promise<void> => {
    const batcher = lists<number>(size);
    for await (const result of pipeline({ source, batcher, work, inFlight, signals, what: 'test', onEnd })) {
      results.push(result);
      await onResult?.(result);
    }
  };
  let isSettled = false;
  const done = consume().finally(() => (isSettled = true));
  done.catch(() => undefined);
  const batches = (): (readonly number[])[] => jobs.map(({ batch }) => batch);
  return { jobs, results, done, batches, isSettled: () => isSettled, ends: () => ends };
};

interface Source extends AsyncIterable<number> {
  taken: number;
  closed: number;
}

/** Gives 0, 1, 2 … `next` may do something else at a number, and `close` is its `return()`. */
const counting = (next?: (at: number) => unknown, close?: () => unknown): Source => {
  const source: Source = {
    taken: 0,
    closed: 0,
    [Symbol.asyncIterator]: () => ({
      next: () => {
        const value = source.taken++;
        return (next?.(value) ?? Promise.resolve({ done: false, value })) as Promise<IteratorResult<number>>;
      },
      return: () => {
        source.closed += 1;
        return (close?.() ?? Promise.resolve({ done: true })) as Promise<IteratorResult<number>>;
      },
    }),
  };
  return source;
};
const silent = (): Promise<never> => new Promise(() => undefined);
const over = (): unknown => Promise.resolve({ done: true, value: undefined });

const aborted = { code: 'ABORTED', message: 'The test was aborted by its signal', cause: 'enough' };

describe('batches', () => {
  it('of an iterable that does not wait are begun in the same turn, as many as may be under way', () => {
    const { batches } = run([1, 2, 3, 4, 5, 6, 7], { size: 2, inFlight: 3 });
    expect(batches()).toEqual([
      [1, 2],
      [3, 4],
      [5, 6],
    ]);
  });

  it('are given to the work as they come, the last one shorter, and none if there is no item', async () => {
    const { jobs, results, done } = run([1, 2, 3], { size: 2 });
    jobs.forEach(({ resolve }) => resolve());
    await done;
    expect(results).toEqual([[1, 2], [3]]);
    const none = run(counting(over));
    await none.done;
    expect(none.batches()).toEqual([]);
  });

  it('are bounded by a weight too: the item that reaches it is the last', () => {
    const batcher = lists<string>(3, 10, (text) => text.length);
    const added = ['aaaa', 'aaaaa', 'aaaaaaa', 'b', 'b', 'b', 'a text that is too long by itself', 'c'];
    expect(added.map((text) => batcher.add(text)?.length)).toEqual([
      ...[undefined, undefined, 3],
      ...[undefined, undefined, 3],
      ...[1, undefined],
    ]);
    expect([batcher.rest(), batcher.rest()]).toEqual([['c'], undefined]);
    const halves = lists<string>(3, 10, (text) => text.length);
    expect(['aaaaa', 'aaaaa', 'aaaaa'].map((text) => halves.add(text)?.length)).toEqual([undefined, 2, undefined]);
  });

  it('may come as such from the source', async () => {
    const results: unknown[] = [];
    const source = [[1, 2], [], [3]];
    const work = (batch: readonly number[]): Promise<number> => Promise.resolve(batch.length);
    const each = { source, batcher: asTheyAre<readonly number[]>(), work, inFlight: 1, signals: [], what: 'test' };
    for await (const result of pipeline(each)) results.push(result);
    expect(results).toEqual([2, 0, 1]);
  });
});

describe('results', () => {
  it('come in the order of the source, whichever is ready first', async () => {
    const { jobs, results, done } = run([1, 2, 3], { inFlight: 3 });
    jobs[2]!.resolve();
    jobs[1]!.resolve();
    await turn();
    expect(results).toEqual([]);
    jobs[0]!.resolve();
    await done;
    expect(results).toEqual([[1], [2], [3]]);
  });

  it('are not kept back by a source that is silent', async () => {
    const source = counting((at) => (at === 1 ? silent() : undefined));
    const { jobs, results } = run(source);
    await turn();
    jobs[0]!.resolve();
    await turn();
    expect(results).toEqual([[0]]);
  });
});

describe('back-pressure', () => {
  it('no item is taken while as many batches as may be are under way', async () => {
    const source = counting();
    const { jobs } = run(source, { size: 10, inFlight: 3 });
    await turn();
    expect([source.taken, jobs.length]).toEqual([30, 3]);
    jobs[1]!.resolve(); // Its result waits for that of the first.
    await turn();
    expect(source.taken).toBe(30);
    jobs[0]!.resolve();
    await turn();
    expect([source.taken, jobs.length]).toEqual([50, 5]);
  });

  it('no item is taken while the consumer is busy, also of an iterable', async () => {
    for (const isAsync of [true, false]) {
      let taken = 0;
      const iterable = function* (): Generator<number> {
        for (;;) yield taken++;
      };
      const source = counting(() => void taken++);
      let release = (): void => undefined;
      const busy = (): Promise<void> => new Promise((resolve) => (release = resolve));
      const { jobs } = run(isAsync ? source : iterable(), { onResult: busy });
      await turn();
      jobs.forEach(({ resolve }) => resolve());
      await turn();
      expect(taken).toBe(2);
      release();
      await turn();
      release();
      await turn();
      expect(taken).toBe(4);
    }
  });
});

describe('an abort', () => {
  it('before it begins: nothing is taken, and the source is not even opened', async () => {
    let opened = 0;
    const source = { [Symbol.iterator]: () => ((opened += 1), [1][Symbol.iterator]()) };
    const { done, jobs } = run(source, { signals: [undefined, AbortSignal.abort('enough')] });
    await expect(done).rejects.toMatchObject(aborted);
    expect([opened, jobs.length]).toEqual([0, 0]);
  });

  it('while the source is silent, or in the middle of a batch: what is incomplete is not begun, and the source is closed', async () => {
    const control = new AbortController();
    const source = counting((at) => (at === 5 ? silent() : undefined));
    const { done, jobs, batches } = run(source, { size: 2, inFlight: 9, signals: [control.signal] });
    await turn();
    control.abort('enough');
    jobs.forEach(({ resolve }) => resolve());
    await expect(done).rejects.toMatchObject(aborted);
    expect([batches(), source.closed]).toEqual([
      [
        [0, 1],
        [2, 3],
      ],
      1,
    ]);
  });

  it('by the source itself, when it gives an item or ends: that item is not taken, and the rest is not begun', async () => {
    const control = { current: new AbortController() };
    const source = (isLast: boolean): Source =>
      counting((at) => {
        if (at === 1) control.current.abort('enough');
        return isLast && at === 1 ? over() : undefined;
      });
    const iterable = function* (isLast: boolean): Generator<number> {
      yield 0;
      control.current.abort('enough');
      if (!isLast) yield 1;
    };
    for (const open of [source, iterable]) {
      for (const isLast of [true, false]) {
        control.current = new AbortController();
        const { done, batches } = run(open(isLast), { size: 2, inFlight: 9, signals: [control.current.signal] });
        await expect(done).rejects.toMatchObject(aborted);
        expect(batches()).toEqual([]);
      }
    }
  });

  it('while all that may be is under way: onEnd() is called, and it is waited for; its results are not given', async () => {
    const [first, second] = [new AbortController(), new AbortController()];
    const source = counting();
    const { ends, done, jobs, results, isSettled } = run(source, { signals: [first.signal, second.signal] });
    await turn();
    expect(ends()).toBe(0);
    second.abort('enough');
    await turn();
    expect(ends()).toBe(1);
    expect([source.closed, isSettled()]).toEqual([1, false]);
    jobs[0]!.resolve();
    await turn();
    expect(isSettled()).toBe(false);
    jobs[1]!.reject(new Error('it failed as well'));
    await expect(done).rejects.toMatchObject(aborted);
    expect([results, source.taken]).toEqual([[], 2]);
  });

  it('while the consumer is busy: the next result is not given', async () => {
    const control = new AbortController();
    const { done, jobs, results } = run(counting(), {
      signals: [control.signal],
      onResult: () => control.abort('enough'),
    });
    await turn();
    jobs.forEach(({ resolve }) => resolve());
    await expect(done).rejects.toMatchObject(aborted);
    expect(results).toEqual([[0]]);
  });

  it('after the source has ended counts; after the last result it does not', async () => {
    const control = new AbortController();
    const early = run([1, 2], { signals: [control.signal] });
    await turn();
    control.abort('enough');
    early.jobs.forEach(({ resolve }) => resolve());
    await expect(early.done).rejects.toMatchObject(aborted);
    const other = new AbortController();
    const late = run([1], { signals: [other.signal], onResult: () => other.abort('enough') });
    late.jobs[0]!.resolve();
    await expect(late.done).resolves.toBeUndefined();
  });
});

it('that is over is not kept by a signal that lives on', async () => {
  const { signal } = new AbortController();
  const runOnce = async (): Promise<WeakRef<object>> => {
    const source = [1];
    const { done, jobs } = run(source, { signals: [signal] });
    jobs[0]!.resolve();
    await done;
    return new WeakRef(source);
  };
  const source = await runOnce();
  await turn();
  collectGarbage();
  expect(source.deref()).toBeUndefined();
  expect(signal.aborted).toBe(false);
});

describe('work that fails', () => {
  it('ends it in its turn: results before it are given, none after it, onEnd() is called, and the rest is waited for', async () => {
    const source = counting();
    const { ends, done, jobs, results, isSettled } = run(source, { inFlight: 4 });
    await turn();
    jobs[1]!.reject(new RangeError('it failed'));
    jobs[2]!.resolve();
    await turn();
    expect([results, isSettled(), source.closed]).toEqual([[], false, 0]);
    jobs[0]!.resolve();
    await turn();
    expect([results, isSettled(), source.closed, source.taken]).toEqual([[[0]], false, 1, 4]);
    expect(ends()).toBe(1);
    jobs[3]!.reject(new Error('it failed as well'));
    await expect(done).rejects.toThrow(new RangeError('it failed'));
    expect(results).toEqual([[0]]);
  });

  it('by its time limit ends it', async () => {
    const clock = createSimulatedClock();
    const source = counting();
    const work = async (batch: readonly number[]): Promise<readonly number[]> => {
      const isDone = batch[0] === 0 ? Promise.resolve() : silent();
      if (!(await within(100, isDone, clock))) throw new TokenvisorError('CALL_TIMEOUT', 'too late');
      return batch;
    };
    const batcher = lists<number>(1);
    const batches = pipeline({ source, batcher, work, inFlight: 2, signals: [], what: 'test' });
    expect(await batches.next()).toEqual({ done: false, value: [0] });
    const rejected = expect(batches.next()).rejects.toMatchObject({ code: 'CALL_TIMEOUT' });
    await turn();
    clock.advance(100);
    await rejected;
    expect(source.closed).toBe(1);
  });
});

describe('a consumer', () => {
  it('that throws, or breaks, closes the source; onEnd() is called, and work under way is waited for', async () => {
    const source = counting();
    const stop = (): never => {
      throw new RangeError('the consumer broke');
    };
    const { ends, done, jobs, isSettled } = run(source, { onResult: stop });
    await turn();
    jobs[0]!.resolve();
    await turn();
    expect([source.closed, ends(), isSettled()]).toEqual([1, 1, false]);
    jobs[1]!.resolve();
    await expect(done).rejects.toThrow('the consumer broke');
  });
});

describe('a source', () => {
  const broken = new RangeError('the source broke');
  it.each<[string, () => Iterable<number> | AsyncIterable<number>]>([
    [
      'iterable',
      () =>
        (function* () {
          yield 0;
          throw broken;
        })(),
    ],
    ['async iterable', () => counting((at) => (at === 1 ? Promise.reject(broken) : undefined))],
  ])('that throws, an %s, ends it, is not closed, and what it gave before is waited for', async (_what, open) => {
    const source = open();
    const { done, jobs, isSettled } = run(source);
    await turn();
    expect([jobs.length, isSettled()]).toEqual([1, false]);
    jobs[0]!.resolve();
    await expect(done).rejects.toBe(broken);
    if ('closed' in source) expect(source.closed).toBe(0);
  });

  it.each<[string, (() => unknown) | undefined]>([
    [
      'throws',
      () => {
        throw new Error('it can’t be closed');
      },
    ],
    ['rejects', () => Promise.reject(new Error('it can’t be closed'))],
    ['never ends', silent],
  ])('whose return() %s changes nothing about why it ended', async (_what, close) => {
    const source = counting(undefined, close);
    const { done, jobs } = run(source, { inFlight: 1 });
    await turn();
    jobs[0]!.reject(new RangeError('it failed'));
    await expect(done).rejects.toThrow('it failed');
    expect(source.closed).toBe(1);
  });

  it('without return(), or one that is an iterable, is left, and closed', async () => {
    const bare = { [Symbol.iterator]: () => ({ next: () => ({ done: false, value: 1 }) }) };
    let closed = 0;
    const generator = function* (): Generator<number> {
      try {
        for (;;) yield 1;
      } finally {
        closed += 1;
      }
    };
    for (const source of [bare, generator()]) {
      const { done, jobs } = run(source, { inFlight: 1 });
      jobs[0]!.reject(new RangeError('it failed'));
      await expect(done).rejects.toThrow('it failed');
    }
    expect(closed).toBe(1);
  });

  it('that has ended is not closed', async () => {
    const source = counting((at) => (at === 1 ? over() : undefined));
    const { done, jobs, ends } = run(source);
    await turn();
    expect(ends()).toBe(0);
    jobs[0]!.resolve();
    await done;
    expect([source.closed, source.taken, ends()]).toEqual([0, 2, 1]);
  });

  it('that can’t be iterated is refused', async () => {
    const thrown = new Error('not now');
    const throws = {
      [Symbol.iterator]: () => {
        throw thrown;
      },
    };
    await expect(run(throws).done).rejects.toMatchObject({ code: 'CONFIG_INVALID', cause: thrown });
    const none = { [Symbol.iterator]: () => 5 } as never;
    await expect(run(none).done).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });
});
