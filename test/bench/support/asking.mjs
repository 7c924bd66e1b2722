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
 * `badAt`: when there was none, or one that had ended.
 * @typedef {{ waits: number[], expired: number, failed: number, badAt: number[] }} Asked
 *
 * @typedef {{ users: number, everyMs: number }} Pace
 */

/** @returns {Asked} */
export const nobodyAsked = () => ({ waits: [], expired: 0, failed: 0, badAt: [] });

/** @param {Peer} peer @param {Asked} asked */
export const ask = async (peer, asked) => {
  const startedAt = monoMs();
  try {
    const got = peer.get();
    const value = typeof got === 'string' ? got : await got;
    const atMs = monoMs();
    asked.waits.push(atMs - startedAt);
    if (overdueMs(value, atMs) <= 0) return;
    asked.expired += 1;
    asked.badAt.push(atMs);
  } catch {
    asked.failed += 1;
    asked.badAt.push(monoMs());
  }
};

/** Users who ask all the time. @param {Peer} peer @param {Pace} pace @param {AbortSignal} signal */
export const askUntil = async (peer, { users, everyMs }, signal) => {
  const asked = nobodyAsked();
  while (!signal.aborted) {
    await Promise.all(Array.from({ length: users }, () => ask(peer, asked)));
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
