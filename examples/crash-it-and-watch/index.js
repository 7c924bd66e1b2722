// @ts-check
/**
 * Crash it and watch: an actor fails, throws, exits and hangs, and a reader notices nothing.
 *
 * What you see: the log of the supervisor, by `logEvents`, while the token is read every 5 ms. The actor is restarted
 * each time, adopts the valid token, and does not mint for it. No read fails, and none waits.
 */
import assert from 'node:assert/strict';
import { credential, logEvents, startSupervisor } from 'tokenvisor';

const order = new Int32Array(new SharedArrayBuffer(4));
const supervisor = await startSupervisor({
  api: credential({
    provider: new URL('./provider.js', import.meta.url),
    options: { order },
    hangTimeoutMs: 500,
    maxRestarts: 10,
  }),
});
await supervisor.ready();
const { api } = supervisor.children;
logEvents(supervisor, (line) => console.log(`    ${line.slice('2026-01-01T'.length)}`));

let reads = 0;
let failedReads = 0;
const reader = setInterval(() => {
  try {
    api.current();
    reads += 1;
  } catch {
    failedReads += 1;
  }
}, 5);

const disasters = ['the provider throws', 'an uncaught error', 'process.exit(7)', 'an endless loop'];
for (const [index, disaster] of disasters.entries()) {
  console.log(`\n${index + 1}. ${disaster}`);
  Atomics.store(order, 0, index + 1);
  console.log(`   then: ${await api.refresh({ timeoutMs: 10_000 })}`);
  // A crash may come a moment after the mint that caused it.
  await new Promise((resolve) => setTimeout(resolve, 200));
}

clearInterval(reader);
const { restarts, mints, attempts } = api.status();
console.log(
  `\n${reads} reads, ${failedReads} of them failed; ${restarts} restarts, ${attempts} attempts, ${mints} mints`,
);
assert.equal(failedReads, 0);
assert.equal(restarts, 3);

await supervisor.close();
