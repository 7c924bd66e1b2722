// @ts-check
/**
 * A login for emergencies: one token that is accepted while the identity provider is away.
 *
 * What you see: two threads serve logins over HTTP, and their identity provider does not answer. An operator with
 * access to the process builds a break-glass token; both threads accept it at once, with no message,
 * and refuse any other text. It is deleted after use; the next one ends with its actor. Events never have the token.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { logEvents, startSupervisor } from 'tokenvisor';
import { breakGlass } from 'tokenvisor/inbound';
import { killChildThread } from 'tokenvisor/testing';

const supervisor = await startSupervisor({ door: breakGlass({ maxAgeMs: 3_600_000 }) });
await supervisor.ready();
const { door } = supervisor.children;
logEvents(supervisor, (line) => {
  if (line.includes('break-glass:')) console.log(`  event: ${line}`);
});

// Each thread has its own port here, to show which one answers; a cluster or a proxy would share one.
const login = new URL('./login.js', import.meta.url);
const threads = [1, 2].map(() => new Worker(login, { workerData: { door: door.handle() } }));
const ports = await Promise.all(threads.map(async (thread) => (await once(thread, 'message'))[0]));

/** How each of the two answers to this password. @param {string} password */
const tryBoth = (password) =>
  Promise.all(
    ports.map(async (port) => {
      const response = await fetch(`http://127.0.0.1:${port}/login`, { method: 'POST', body: password });
      return `${response.status} ${await response.text()}`;
    }),
  );

console.log('The identity provider is away, and no break-glass token exists:');
console.log(`  ${(await tryBoth('my usual password')).join(', ')}`);

const { token, insertedAtMs } = await door.buildAndStore();
console.log(`A token was built at ${new Date(insertedAtMs).toISOString()}; its holder can log in:`);
const [holders, guessers] = [await tryBoth(token), await tryBoth('a guess')];
console.log(`  the token: ${holders.join(', ')}`);
console.log(`  a guess: ${guessers.join(', ')}`);
assert.deepEqual(holders, ['200 as the emergency administrator', '200 as the emergency administrator']);
assert.deepEqual(guessers, ['503 the identity provider is away', '503 the identity provider is away']);

console.log(`It is deleted after use: ${await door.delete(token)}. With it:`);
const late = await tryBoth(token);
console.log(`  ${late.join(', ')}`);
assert.deepEqual(late, guessers);

const next = await door.buildAndStore();
const exited = new Promise((resolve) => supervisor.once('child:exited', resolve));
await killChildThread(supervisor, 'door');
await exited;
console.log('Another one was built, and its actor died. With that one:');
const orphaned = await tryBoth(next.token);
console.log(`  ${orphaned.join(', ')}`);
assert.deepEqual(orphaned, guessers);

await Promise.all(threads.map((thread) => thread.terminate()));
await supervisor.close();
