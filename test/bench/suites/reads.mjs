/** `current()` over the floor, on the main thread and through `attach()` in another. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { credential, startSupervisor } from 'tokenvisor';
import { createReadCases } from '../support/read-cases.mjs';

/** @param {import('../harness.mjs').Harness} harness */
export const run = async (harness) => {
  const supervisor = await startSupervisor({
    api: credential({ provider: new URL('../support/long-lived-provider.mjs', import.meta.url) }),
  });
  const { api } = supervisor.children;
  await supervisor.ready();
  const thread = new Worker(new URL('../support/reader-thread.mjs', import.meta.url), {
    workerData: { handle: api.handle() },
  });
  await once(thread, 'message');
  /** @param {'floor' | 'current'} name */
  const elsewhere = (name) => async (/** @type {number} */ count) => {
    thread.postMessage({ name, count });
    const [timed] = await once(thread, 'message');
    return timed;
  };
  const here = createReadCases(api);
  const series = await harness.throughput({
    'floor, main': here.floor,
    'current(), main': here.current,
    'floor, attached': elsewhere('floor'),
    'current(), attached': elsewhere('current'),
  });
  harness.ratio('current() over the floor, main', series['current(), main'], series['floor, main'], { atMost: 1.25 });
  harness.ratio('current() over the floor, attached', series['current(), attached'], series['floor, attached'], {
    atMost: 1.25,
  });
  await thread.terminate();
  await supervisor.close();
};
