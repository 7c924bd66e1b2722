/**
 * A thread that measures what the machine gives the run. It sleeps and does a bit of work, again and again: what that takes
 * longer than on a machine that has time is time that was not given. And it asks the servers for something that costs nothing:
 * what it has to wait for, others wait for too.
 */
import http from 'node:http';
import https from 'node:https';
import { parentPort, workerData } from 'node:worker_threads';
import { monoMs, Word } from './ground.mjs';

/** @typedef {import('./lived.mjs').Sample} Sample */

/** @type {{ ground: import('./ground.mjs').Ground, urls: string[], ca: string }} */
const { ground, urls, ca } = workerData;
const EVERY_MS = 100;
const ASK_EVERY_MS = 200;
/** Timers are late by so much anyhow. */
const TIMER_MS = 5;
const ROUNDS = 4_000_000;
/** What the work takes on a machine that has time: so bounds are those of a machine like that. */
const WORK_MS = 6;
/** A server that is away says so at once. */
const SLOW_MS = 600;

/** So many samples are looked at again. */
const MOST_WAITED = 200;

/** @type {Sample[]} */
const samples = [];
/** Since when each of the servers has not answered. */
const asked = urls.map(() => Infinity);

const work = () => {
  let number = 1;
  for (let round = 0; round < ROUNDS; round += 1) number = (Math.imul(number, 1_103_515_245) + 12_345) | 0;
  return number;
};

const sleep = (/** @type {number} */ ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** @param {string} url @returns {Promise<void>} */
const ask = (url) =>
  new Promise((resolve) => {
    const { get } = url.startsWith('https:') ? https : http;
    get(url, { agent: false, ca }, (response) => response.resume().on('close', () => resolve())).on('error', () =>
      resolve(),
    );
  });

const isOver = () => Atomics.load(ground.words, Word.STOP) === 1;

/** @param {string} url @param {number} index */
const asking = async (url, index) => {
  while (!isOver()) {
    asked[index] = monoMs();
    await ask(url);
    asked[index] = Infinity;
    await sleep(ASK_EVERY_MS);
  }
};

const sampling = async () => {
  for (let fromMonoMs = monoMs(); !isOver();) {
    await sleep(EVERY_MS);
    const wokenMonoMs = monoMs();
    // Kept, so that no compiler leaves it out.
    Atomics.store(ground.words, Word.WORK, work());
    const toMonoMs = monoMs();
    const lateMs = Math.max(0, wokenMonoMs - fromMonoMs - EVERY_MS - TIMER_MS);
    const slowness = Math.max(1, (toMonoMs - wokenMonoMs) / WORK_MS);
    const sample = { fromMonoMs, toMonoMs, livedMs: (toMonoMs - fromMonoMs - lateMs) / slowness };
    samples.push(sample);
    const askedMonoMs = Math.min(...asked);
    if (toMonoMs - askedMonoMs > SLOW_MS) forgetSince(askedMonoMs);
    Atomics.add(ground.words, Word.LIVED_MS, Math.round(sample.livedMs));
    fromMonoMs = toMonoMs;
  }
};

/** All of that time was waited for a server: nothing of it counts. @param {number} fromMonoMs */
const forgetSince = (fromMonoMs) => {
  for (const sample of samples.slice(-MOST_WAITED).toReversed()) {
    if (sample.toMonoMs <= fromMonoMs) return;
    sample.livedMs = 0;
  }
};

for (let warming = 0; warming < 20; warming += 1) work();
Atomics.add(ground.words, Word.UP, 1);
await Promise.all([sampling(), ...urls.map(asking)]);
parentPort?.postMessage(samples);
parentPort?.close();
