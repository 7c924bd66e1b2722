/** A thread whose users ask all the time. */
import { parentPort, workerData } from 'node:worker_threads';
import { askUntil } from './asking.mjs';
import { startPeer } from './peers.mjs';

const { name, options, pace } = workerData;
const peer = await startPeer(name, options);
const running = new AbortController();
parentPort?.on('message', () => running.abort());
parentPort?.postMessage('ready');
const asked = await askUntil(peer, pace, running.signal);
await peer.close();
parentPort?.postMessage(asked);
