/** Runs the read cases in a thread of its own, through attach(). */
import { parentPort, workerData } from 'node:worker_threads';
import { attach } from 'tokenvisor';
import { createReadCases } from './read-cases.mjs';

const cases = createReadCases(attach(workerData.handle));

parentPort?.on('message', ({ name, count }) => {
  const startedAt = performance.now();
  const sink = cases[/** @type {'floor' | 'current'} */ (name)](count);
  parentPort?.postMessage({ elapsedMs: performance.now() - startedAt, sink });
});
parentPort?.postMessage('ready');
