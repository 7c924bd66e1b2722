/** Users who ask for a token: how long each waited, and whether what it got had ended. */
import { monoMs, overdueMs } from './token-values.mjs';

/** `badAt`: when there was none, or one that had ended. @typedef {{ waits: number[], expired: number, failed: number, badAt: number[] }} Asked */

/** @returns {Asked} */
export const nobodyAsked = () => ({ waits: [], expired: 0, failed: 0, badAt: [] });

/** @param {import('./peers.mjs').Peer} peer @param {Asked} asked */
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
