// @ts-check
/**
 * The sessions of an API: a login in one worker is valid in all, and so is a logout.
 *
 * What you see: four workers of an HTTP server log users in and out, and check the session of each request against shared
 * memory, with no message and no database. A session of one worker is valid in all; after a logout in one, it is
 * invalid in all, before the logout is answered. The sessions' actor dies meanwhile, and the main thread is
 * blocked for a while: neither ends a session. A million further sessions make a lookup no slower.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { startSupervisor } from 'tokenvisor';
import { tokenSet } from 'tokenvisor/inbound';
import { killChildThread } from 'tokenvisor/testing';

const supervisor = await startSupervisor({ sessions: tokenSet({ maxEntries: 2_000_000 }) });
await supervisor.ready();
const { sessions } = supervisor.children;

// Each thread has its own port here, to show which one answers; a cluster or a proxy would share one.
const workers = [];
const origins = [];
for (let nth = 0; nth < 4; nth += 1) {
  const writer = await sessions.writer();
  const worker = new Worker(new URL('./server.js', import.meta.url), {
    workerData: { sessions: writer },
    transferList: [writer.port],
  });
  workers.push(worker);
  const [port] = await once(worker, 'message');
  origins.push(`http://127.0.0.1:${port}`);
}

/** @param {number} nth @param {string} path @param {string} [session] */
const ask = async (nth, path, session) => {
  const headers = session === undefined ? {} : { authorization: `Bearer ${session}` };
  const response = await fetch(origins[nth] + path, { method: path === '/me' ? 'GET' : 'POST', headers });
  return { status: response.status, text: await response.text() };
};
/** How each worker answers to this session. @param {string} session */
const everywhere = (session) =>
  Promise.all(origins.map((_, nth) => ask(nth, '/me', session).then(({ status, text }) => `${status} ${text}`)));

const { text: ada } = await ask(0, '/login?user=1');
const { text: grace } = await ask(1, '/login?user=2');
console.log(`Logged in by the first worker, asked in all: ${(await everywhere(ada)).join(', ')}`);
assert.deepEqual(await everywhere(ada), Array(4).fill('200 user 1'));
assert.deepEqual(await everywhere('a guess'), Array(4).fill('401 log in first'));

await ask(3, '/logout', ada);
console.log(`Logged out by the last one:                  ${(await everywhere(ada)).join(', ')}`);
assert.deepEqual(await everywhere(ada), Array(4).fill('401 log in first'));

const restarted = once(/** @type {any} */ (supervisor), 'child:restarted');
await killChildThread(supervisor, 'sessions');
assert.deepEqual(await everywhere(grace), Array(4).fill('200 user 2'));
await restarted;
console.log(`The actor of the sessions died. Another user: ${(await everywhere(grace)).join(', ')}`);

const startMs = performance.now();
const more = function* () {
  for (let nth = 0; nth < 1_000_000; nth += 1) {
    yield { token: `session-${nth}`, expiresAtMs: Date.now() + 60_000, meta: nth };
  }
};
const added = await sessions.insertMany(more());
console.log(`${added} sessions more, in ${((performance.now() - startMs) / 1_000).toFixed(1)} s`);
let known = 0;
const lookMs = performance.now();
for (let nth = 0; nth < 200_000; nth += 1) if (sessions.exists(`session-${nth * 7}`)) known += 1;
console.log(`One lookup then: ${((performance.now() - lookMs) / 0.2).toFixed(0)} ns`);
assert.equal(known, Math.ceil(1_000_000 / 7));

// The workers answer while the main thread can't: they have asked each other before it is free again.
const [asking] = workers;
assert.ok(asking);
asking.postMessage({ ask: `${origins[1]}/me`, session: grace, whileBlockedMs: 500 });
await sleep(20);
Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1_000);
const [{ answers }] = await once(asking, 'message');
console.log(`While the main thread was blocked, one worker asked another ${answers} times, and was accepted each time`);
assert.ok(answers > 10);

await Promise.all(workers.map((worker) => worker.terminate()));
await supervisor.close();
