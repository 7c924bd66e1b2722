// @ts-check
/**
 * The server process: a main thread that is busy nine tenths of the time, and a pool of threads that do the work. Each
 * thread needs a token for each of its requests.
 */
import { once } from 'node:events';
import { performance } from 'node:perf_hooks';
import { Worker } from 'node:worker_threads';
import { Piscina } from 'piscina';
import { startSupervisor } from 'tokenvisor';
import { killChildThread, killSupervisorThread } from 'tokenvisor/testing';
import { isSpared } from './chaos.js';
import { specsOf } from './credentials.js';
import { Measures } from './measures.js';
import { CREDENTIALS, READER_THREADS, SINGLE_USE, perCredential } from './parameters.js';
import { readTokens } from './reading.js';
import { tell } from './report-channel.js';
import { Signals, until } from './signals.js';
import { openSource } from './sources.js';
import { stayBusy } from './stalls.js';

process.on('disconnect', () => process.exit());
/** @type {import('./parameters.js').Setup} */
const setup = (await once(process, 'message'))[0];
const measures = new Measures();
const signals = new Signals();
const crashWords = perCredential(() => new SharedArrayBuffer(4));

const startOurs = async () => {
  const supervisor = await startSupervisor(specsOf(setup, crashWords));
  // Deaths are what this is about: a process warning of the first one is not needed.
  supervisor.on('event', () => undefined);
  await supervisor.ready();
  return supervisor;
};

const supervisor = setup.contender === 'ours' ? await startOurs() : undefined;
const handles = supervisor && perCredential((name) => supervisor.children[name].handle());

const shared = { setup, handles, crashWords, measures: measures.buffer, signals: signals.buffer };
const pool = new Piscina({
  filename: new URL('./reader.js', import.meta.url).href,
  minThreads: READER_THREADS,
  maxThreads: READER_THREADS,
  workerData: shared,
});
const readers = Array.from({ length: READER_THREADS }, (_, index) => pool.run({ thread: index + 1 }));
const source = await openSource(setup, measures, 0, handles);
for (const file of ['./observer.js', './pool-load.js']) {
  new Worker(new URL(file, import.meta.url), { workerData: shared }).on('error', (error) => {
    throw error;
  });
}
await Promise.race([until(() => signals.readyThreads === READER_THREADS), Promise.all(readers)]);

/** Kills what only this thread can kill, in a turn of its own, if it is still fair. */
const fulfilWish = () => {
  const { wish } = signals;
  if (!supervisor || wish === undefined) return;
  const spared = wish === 'supervisor' || CREDENTIALS[wish] === SINGLE_USE;
  if (spared && !isSpared(supervisor.children.mail.status(), 300)) return;
  const killed =
    wish === 'supervisor' ? killSupervisorThread(supervisor) : killChildThread(supervisor, CREDENTIALS[wish] ?? '');
  killed.catch(() => undefined);
  signals.fulfilled();
};

signals.start();
const wishes = setInterval(fulfilWish, 5);
const startedMs = performance.now();
const before = performance.eventLoopUtilization();
stayBusy(() => signals.over);
await Promise.all([readTokens({ source, measures, signals, api: setup.api }), ...readers]);
const seconds = (performance.now() - startedMs) / 1_000;
const { utilization } = performance.eventLoopUtilization(before);
clearInterval(wishes);
await pool.destroy();

let restarts = 0;
for (const child of Object.values(supervisor?.children ?? {})) {
  const status = child.status();
  restarts += status.restarts;
  for (let nth = 0; nth < status.mints; nth += 1) measures.count('mints');
  for (let nth = 0; nth < status.refreshes; nth += 1) measures.count('refreshes');
}
await supervisor?.close({ timeoutMs: 5_000 });
const summary = { ...measures.summary(), restarts };
tell({ kind: 'result', summary, accepted: measures.read('accepted'), busy: utilization, seconds });
process.exit();
