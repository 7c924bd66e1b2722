/** A thread whose users ask all the time, with a peer of its own, or by the handle of ours. */
import { setTimeout as sleep } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { ask, nobodyAsked } from './asking.mjs';
import { PEERS } from './peers.mjs';

const { name, url, lifeS, handle, everyMs, users } = workerData;
const peer = await /** @type {any} */ (PEERS[name])({ url, lifeS, handle });
await peer.get();
const asked = nobodyAsked();
const running = new AbortController();
parentPort?.on('message', () => running.abort());
parentPort?.postMessage('ready');
while (!running.signal.aborted) {
  await Promise.all(Array.from({ length: users }, () => ask(peer, asked)));
  await sleep(everyMs);
}
await peer.close();
parentPort?.postMessage(asked);
