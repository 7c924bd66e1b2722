// @ts-check
/**
 * Readers in an ordinary Piscina pool, while the main thread is blocked.
 *
 * What you see: four threads read the token of one credential through `attach()`, with no message. The main
 * thread is blocked for the whole time, and yet the token, which lives for 3 s, is replaced meanwhile.
 */
import assert from 'node:assert/strict';
import { Piscina } from 'piscina';
import { credential, startSupervisor } from 'tokenvisor';
import { clientCredentials } from 'tokenvisor/providers';
import { startAuthorizationServer } from '../support/authorization-server.js';

const server = await startAuthorizationServer({ accessTokenLifeS: 3 });
const supervisor = await startSupervisor({
  api: credential({ provider: clientCredentials({ issuer: server.issuer, ...server.client() }) }),
});
await supervisor.ready();
const { api } = supervisor.children;

const pool = new Piscina({
  filename: new URL('./worker.js', import.meta.url).href,
  minThreads: 4,
  maxThreads: 4,
  // A handle is plain data: it can be posted to any thread, any number of times.
  workerData: { api: api.handle() },
});

const tasks = Array.from({ length: 4 }, () => pool.run({ ms: 3_500 }));
await Promise.race([...tasks, new Promise((resolve) => setTimeout(resolve, 200))]);
console.log('Four threads read; the main thread is blocked for 3 s …');
Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 3_000);

for (const { reads, generations } of await Promise.all(tasks)) {
  console.log(`  one thread: ${reads} reads, of the generations ${generations.join(', ')}; none had expired`);
  assert.ok(generations.length > 1);
}

await pool.destroy();
await supervisor.close();
await server.close();
