import { once } from 'node:events';
import { Worker } from 'node:worker_threads';

/** A thread of thread.mjs. @param {import('../../../dist/table/table-memory.js').TableMemory} table */
export const startTableThread = (table) => {
  const stop = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(new URL('./thread.mjs', import.meta.url), {
    workerData: { table, stop: stop.buffer },
    resourceLimits: { maxOldGenerationSizeMb: 8_000 },
  });
  return {
    /** @param {string} act @param {object} [options] @returns {Promise<any>} */
    ask: async (act, options = {}) => {
      Atomics.store(stop, 0, 0);
      worker.postMessage({ act, ...options });
      const [answer] = await once(worker, 'message');
      return answer;
    },
    /** Ends what goes on until it is stopped. */
    stop: () => void Atomics.store(stop, 0, 1),
    end: async () => void (await worker.terminate()),
  };
};
