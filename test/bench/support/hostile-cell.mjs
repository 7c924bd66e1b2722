/**
 * One cell of the hostile suite: a process whose main thread stalls, with one way to have a token. Prints JSON.
 */
import { pbkdf2 } from 'node:crypto';
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { ask, nobodyAsked } from './asking.mjs';
import { PEERS } from './peers.mjs';
import { monoMs } from './token-values.mjs';

const { name, url, lifeS, stallMs, poolFull, threads, durationMs } = JSON.parse(process.argv[2] ?? '{}');
/** The time between two stalls: a few turns of the event loop. */
const FREE_MS = 10;
const USERS = 200;

const peer = /** @type {any} */ (await /** @type {any} */ (PEERS[name])({ url, lifeS }));
await peer.get();
const workers = Array.from(
  { length: threads - 1 },
  () =>
    new Worker(new URL('./asking-thread.mjs', import.meta.url), {
      workerData: { name, url, lifeS, handle: peer.handle?.(), everyMs: 5, users: 1 },
    }),
);
await Promise.all(workers.map((worker) => once(worker, 'message')));

let full = poolFull;
const fill = () => pbkdf2('fake', 'salt', 100_000, 64, 'sha512', () => full && fill());
for (let job = 0; full && job < 16; job += 1) fill();

const asked = nobodyAsked();
/** @type {Promise<void>[]} */
const asking = [];
const nextTurn = () => new Promise((resolve) => setImmediate(resolve));
const endMs = monoMs() + durationMs;
while (monoMs() < endMs) {
  const stalledUntilMs = monoMs() + stallMs;
  while (monoMs() < stalledUntilMs);
  const freeUntilMs = monoMs() + FREE_MS;
  for (let user = 0; user < USERS; user += 1) {
    await nextTurn();
    asking.push(ask(peer, asked));
  }
  while (monoMs() < freeUntilMs) await nextTurn();
}
full = false;
await Promise.race([Promise.all(asking), new Promise((resolve) => setTimeout(resolve, 5_000))]);
const elsewhere = [];
for (const worker of workers) {
  worker.postMessage('stop');
  elsewhere.push((await once(worker, 'message'))[0]);
}
await peer.close();
process.send?.({ main: asked, elsewhere }, () => process.exit());
