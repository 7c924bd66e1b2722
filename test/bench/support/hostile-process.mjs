/** One cell of the hostile suite: the main thread stalls over and over, with one way to have a token. */
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { ask, askOnThreads, LAST_WAIT_MS, noneAsked } from './asking.mjs';
import { monoMs } from './clock.mjs';
import { fillPool } from './full-pool.mjs';
import { startPeer } from './peers.mjs';

const { name, url, lifeS, stallMs, poolFull, threads, durationMs } = JSON.parse(process.argv[2] ?? '{}');
// The parent process has ended.
process.on('disconnect', () => process.exit());
/** The time between two stalls: a few turns of the event loop. */
const FREE_MS = 10;
const USERS = 200;
/** Elsewhere nothing stalls: one user is enough to see what is there. */
const PACE = { users: 1, everyMs: 5 };

const peer = await startPeer(name, { url, lifeS });
const endOthers = await askOnThreads(
  name,
  { url, lifeS, handle: peer.handle?.() },
  Array.from({ length: threads - 1 }, () => PACE),
);
const empty = poolFull ? fillPool({ iterations: 100_000 }) : undefined;

const asked = noneAsked();
/** @type {Promise<void>[]} */
const asking = [];
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
void empty?.();
await Promise.race([Promise.all(asking), sleep(LAST_WAIT_MS)]);
// Who has no answer by now waits in vain.
asked.failed += asking.length - asked.waits.length - asked.failed;
const elsewhere = await endOthers();
await peer.close();
process.send?.({ main: asked, elsewhere }, () => process.exit());
