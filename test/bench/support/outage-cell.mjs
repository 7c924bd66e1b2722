/** One cell of the outage suite: a process whose users, on four threads, ask all the time with one way to have a token. */
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { ask, nobodyAsked } from './asking.mjs';
import { PEERS } from './peers.mjs';

const { name, url, lifeS, users, everyMs } = JSON.parse(process.argv[2] ?? '{}');
const THREADS = 4;

const peer = /** @type {any} */ (await /** @type {any} */ (PEERS[name])({ url, lifeS }));
await peer.get();
/** @param {number} thread */
const usersOf = (thread) => Math.floor(users / THREADS) + (thread < users % THREADS ? 1 : 0);
const workers = Array.from(
  { length: THREADS - 1 },
  (_, index) =>
    new Worker(new URL('./asking-thread.mjs', import.meta.url), {
      workerData: { name, url, lifeS, handle: peer.handle?.(), everyMs, users: usersOf(index + 1) },
    }),
);
await Promise.all(workers.map((worker) => once(worker, 'message')));
const running = new AbortController();
process.once('message', () => running.abort());
process.send?.('ready');
const asked = nobodyAsked();
while (!running.signal.aborted) {
  await Promise.all(Array.from({ length: usersOf(0) }, () => ask(peer, asked)));
  await sleep(everyMs);
}
const elsewhere = [];
for (const worker of workers) {
  worker.postMessage('stop');
  elsewhere.push((await once(worker, 'message'))[0]);
}
await peer.close();
process.send?.([asked, ...elsewhere], () => process.exit());
