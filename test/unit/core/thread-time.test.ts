import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { LivedTime, ownThreadId, threadMadeBy, threadTimes } from '../../../src/core/thread-time.js';

const times = (ranMs: number, waitedMs: number, isRunnable: boolean) => ({ ranMs, waitedMs, isRunnable });

describe('lived time', () => {
  const livedOf = (...told: readonly ReturnType<typeof times>[]) => {
    const left = [...told];
    return new LivedTime(() => left.shift());
  };

  it('of a thread that sleeps is what was seen, less what it has waited', () => {
    expect(livedOf(times(0, 0, false), times(0, 30, false)).of(100, 100)).toBe(70);
  });

  it('of a thread that is runnable is what it has run: it may wait since long ago', () => {
    expect(livedOf(times(0, 0, true), times(60, 0, true)).of(100, 100)).toBe(60);
    expect(livedOf(times(0, 0, true), times(0, 0, true)).of(100, 100)).toBe(0);
  });

  it('takes back what a wait from before shows to be too high', () => {
    expect(livedOf(times(0, 0, true), times(5, 900, true)).of(100, 100)).toBe(5 + (100 - 5 - 900));
    expect(livedOf(times(0, 0, true), times(0, 900, false)).of(100, 100)).toBe(-100);
  });

  it('is what was seen where nothing is known', () => {
    expect(livedOf().of(100, 2_000)).toBe(100);
  });
});

describe.runIf(process.platform === 'linux')("the system's times", () => {
  it('of this thread grow while it runs', () => {
    const id = ownThreadId();
    const before = threadTimes(id);
    // Until the scheduler has counted some of it.
    for (const endMs = performance.now() + 2_000; performance.now() < endMs;) {
      if ((threadTimes(id)?.ranMs ?? 0) - (before?.ranMs ?? 0) > 5) break;
    }
    expect((threadTimes(id)?.ranMs ?? 0) - (before?.ranMs ?? 0)).toBeGreaterThan(5);
    expect(threadTimes(id)?.isRunnable).toBe(true);
  });

  it('are unknown of a thread that is none', () => {
    expect([threadTimes(0), threadTimes(2 ** 30)]).toEqual([undefined, undefined]);
  });

  it('know the one thread that was made', async () => {
    const code =
      "require('node:worker_threads').parentPort.postMessage(require('node:fs').readlinkSync('/proc/thread-self'))";
    const { made: worker, threadId } = threadMadeBy(() => new Worker(code, { eval: true }));
    const own = await new Promise((resolve) => worker.once('message', resolve));
    expect([0, Number(String(own).split('/').at(-1))]).toContain(threadId);
    await worker.terminate();
  });
});
