/** Users who ask for a token: how long each waited, and whether what it got had ended. */
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { monoMs } from './clock.mjs';
import { overdueMs } from './token-values.mjs';

/**
 * @typedef {import('./peers.mjs').Peer} Peer
 * @typedef {import('./peers.mjs').PeerOptions} PeerOptions
 *
 * `badAt`: when there was none, or one that had ended; `goodAt`: when there was one that had not.
 * @typedef {{ waits: number[], expired: number, failed: number, badAt: number[], goodAt: number[] }} Asked
 *
 * @typedef {{ users: number, everyMs: number }} Pace
 */

/** @returns {Asked} */
export const noneAsked = () => ({ waits: [], expired: 0, failed: 0, badAt: [], goodAt: [] });

/** @param {Peer} peer @param {Asked} asked */
export const ask = async (peer, asked) => {
  const startedAt = monoMs();
  try {
    const got = peer.get();
    const value = typeof got === 'string' ? got : await got;
    const atMs = monoMs();
    asked.waits.push(atMs - startedAt);
    if (overdueMs(value, atMs) <= 0) return void asked.goodAt.push(atMs);
    asked.expired += 1;
    asked.badAt.push(atMs);
  } catch {
    asked.failed += 1;
    asked.badAt.push(monoMs());
  }
};

/** How long users who have asked are still waited for when all is over. */
export const LAST_WAIT_MS = 5_000;

/**
 * Each user asks once. Who has no answer long after all was stopped has asked in vain.
 *
 * @param {Peer} peer @param {Asked} asked @param {number} users @param {AbortSignal} stopped
 */
export const askOnce = async (peer, asked, users, stopped) => {
  let waiting = users;
  /** @type {NodeJS.Timeout | undefined} */
  let timer;
  const all = Promise.all(Array.from({ length: users }, () => ask(peer, asked).finally(() => (waiting -= 1))));
  const givenUp = new Promise((resolve) => {
    const wait = () => (timer = setTimeout(resolve, LAST_WAIT_MS, 'given up'));
    if (stopped.aborted) wait();
    else stopped.addEventListener('abort', wait, { once: true });
    void all.then(() => stopped.removeEventListener('abort', wait));
  });
  if ((await Promise.race([all, givenUp])) === 'given up') {
    asked.failed += waiting;
    asked.badAt.push(...Array.from({ length: waiting }, monoMs));
  }
  clearTimeout(timer);
};

/** Users who ask all the time. @param {Peer} peer @param {Pace} pace @param {AbortSignal} signal */
export const askUntil = async (peer, { users, everyMs }, signal) => {
  const asked = noneAsked();
  while (!signal.aborted) {
    await askOnce(peer, asked, users, signal);
    await sleep(everyMs);
  }
  return asked;
};

/**
 * Users who ask all the time on threads of their own, each with a peer of its own, or by the handle of ours.
 *
 * @param {string} name @param {PeerOptions} options @param {readonly Pace[]} paces one a thread
 * @returns {Promise<() => Promise<Asked[]>>} ends them, and tells what they saw
 */
export const askOnThreads = async (name, options, paces) => {
  const threads = paces.map(
    (pace) => new Worker(new URL('./asking-thread.mjs', import.meta.url), { workerData: { name, options, pace } }),
  );
  await Promise.all(threads.map((thread) => once(thread, 'message')));
  return () =>
    Promise.all(
      threads.map(async (thread) => {
        thread.postMessage('stop');
        const [asked] = await once(thread, 'message');
        return asked;
      }),
    );
};
