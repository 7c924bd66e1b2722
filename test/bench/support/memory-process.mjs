/**
 * The threads suite: resident memory before and after threads were started, that run nothing (`bare`), or credentials,
 * `before` or `after` their first mint; or only the time to `start`, all at once.
 */
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { startSupervisor } from 'tokenvisor';
import { manyCredentials } from './many-credentials.mjs';

const { mode, count, url } = JSON.parse(process.argv[2] ?? '{}');

const residentBytes = async () => {
  globalThis.gc?.();
  await sleep(300);
  return process.memoryUsage.rss();
};

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
  await Promise.all(
    Object.entries(manyCredentials(count, url, eager)).map(([name, spec]) => supervisor.startChild(name, spec)),
  );
  if (eager) await supervisor.ready();
  const startMs = performance.now() - startedAt;
  return { bytes: (await residentBytes()) - before, startMs };
};

/** All at once, as a server starts. */
const start = async () => {
  const startedAt = performance.now();
  const supervisor = await startSupervisor(manyCredentials(count, url));
  await supervisor.ready();
  return { bytes: 0, startMs: performance.now() - startedAt };
};

const result = mode === 'bare' ? await bare() : mode === 'start' ? await start() : await credentials();
process.send?.(result, () => process.exit());
