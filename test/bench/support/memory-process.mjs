/**
 * One process whose resident memory is measured before and after it has started threads:
 * `memory-process.mjs bare|before|after|start COUNT TOKEN_ENDPOINT`. Prints JSON.
 */
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { credential, startSupervisor } from 'tokenvisor';
import { clientCredentials } from 'tokenvisor/providers';

const [mode = '', countText = '', tokenEndpoint = ''] = process.argv.slice(2);
const count = Number(countText);

const residentBytes = async () => {
  globalThis.gc?.();
  await sleep(300);
  return process.memoryUsage.rss();
};

/** @param {number} children @param {boolean} eager */
const specs = (children, eager) =>
  Object.fromEntries(
    Array.from({ length: children }, (_, index) => [
      `credential-${index}`,
      credential({
        eager,
        provider: clientCredentials({
          tokenEndpoint,
          clientId: 'bench',
          clientSecret: `fake-${Math.random()}`,
        }),
      }),
    ]),
  );

/** @returns {Promise<{ bytes: number, startMs: number }>} */
const bare = async () => {
  const before = await residentBytes();
  const startedAt = performance.now();
  const threads = Array.from({ length: count }, () => new Worker(new URL('./idle-thread.mjs', import.meta.url)));
  await Promise.all(threads.map((thread) => once(thread, 'message')));
  const startMs = performance.now() - startedAt;
  return { bytes: (await residentBytes()) - before, startMs };
};

/** The supervisor, with its thread, is there before the first measurement: what counts is what a credential adds. */
const credentials = async () => {
  const supervisor = await startSupervisor({});
  const before = await residentBytes();
  const startedAt = performance.now();
  const eager = mode === 'after';
  await Promise.all(Object.entries(specs(count, eager)).map(([name, spec]) => supervisor.startChild(name, spec)));
  if (eager) await supervisor.ready();
  const startMs = performance.now() - startedAt;
  return { bytes: (await residentBytes()) - before, startMs };
};

/** All at once, as a server starts. */
const start = async () => {
  const startedAt = performance.now();
  const supervisor = await startSupervisor(specs(count, true));
  await supervisor.ready();
  return { bytes: 0, startMs: performance.now() - startedAt };
};

const result = mode === 'bare' ? await bare() : mode === 'start' ? await start() : await credentials();
process.stdout.write(JSON.stringify(result), () => process.exit());
