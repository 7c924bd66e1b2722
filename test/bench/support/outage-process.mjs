/** One cell of the outage suite: users on four threads ask all the time, with one way to have a token. */
import { askOnThreads, askUntil } from './asking.mjs';
import { startPeer } from './peers.mjs';

const { name, url, lifeS, retryEveryMs, users, everyMs } = JSON.parse(process.argv[2] ?? '{}');
const THREADS = 4;
// The parent process has ended.
process.on('disconnect', () => process.exit());

const peer = await startPeer(name, { url, lifeS, retryEveryMs });
const [here = { users, everyMs }, ...others] = Array.from({ length: THREADS }, (_, thread) => ({
  users: Math.floor(users / THREADS) + (thread < users % THREADS ? 1 : 0),
  everyMs,
}));
const endOthers = await askOnThreads(name, { url, lifeS, handle: peer.handle?.() }, others);
const running = new AbortController();
process.once('message', () => running.abort());
process.send?.('ready');
const asked = await askUntil(peer, here, running.signal);
const elsewhere = await endOthers();
await peer.close();
process.send?.([asked, ...elsewhere], () => process.exit());
