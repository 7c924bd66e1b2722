/**
 * A thread that asks a server for something that costs nothing, again and again: what it has to wait for, others wait for
 * too. It tells when the machine had no time to spare.
 */
import { get } from 'node:http';
import { parentPort, workerData } from 'node:worker_threads';
import { monoMs, Word } from './ground.mjs';

/** @typedef {{ fromMonoMs: number, toMonoMs: number }} Slow */

/** @type {{ ground: import('./ground.mjs').Ground, url: string }} */
const { ground, url } = workerData;
const EVERY_MS = 200;
/** A server that is away says so at once. */
const SLOW_MS = 600;
/** @type {Slow[]} */
const slow = [];

/** @returns {Promise<void>} */
const ask = () =>
  new Promise((resolve) => {
    get(url, { agent: false }, (response) => response.resume().on('close', () => resolve())).on('error', () =>
      resolve(),
    );
  });

while (Atomics.load(ground.words, Word.STOP) === 0) {
  const fromMonoMs = monoMs();
  await Promise.all([ask(), new Promise((resolve) => setTimeout(resolve, EVERY_MS))]);
  const toMonoMs = monoMs();
  if (toMonoMs - fromMonoMs > SLOW_MS) slow.push({ fromMonoMs, toMonoMs });
}
parentPort?.postMessage(slow);
parentPort?.close();
