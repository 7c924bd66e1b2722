// @ts-check
/** A thread that keeps libuv's pool, which the whole process shares, full for half of the time. */
import { pbkdf2 } from 'node:crypto';
import { workerData } from 'node:worker_threads';
import { Signals, until } from './signals.js';

const FULL_MS = 1_200;
const FREE_MS = 1_200;
/** Twice as many as the pool has threads: there is always one in the queue. */
const JOBS = 8;

const signals = new Signals(workerData.signals);
await until(() => signals.started);
while (!signals.over) {
  const endMs = performance.now() + FULL_MS;
  const keepOneGoing = async () => {
    while (performance.now() < endMs && !signals.over) {
      await new Promise((done) => pbkdf2('a password', 'salt', 40_000, 32, 'sha256', done));
    }
  };
  await Promise.all(Array.from({ length: JOBS }, keepOneGoing));
  await new Promise((resolve) => setTimeout(resolve, FREE_MS));
}
