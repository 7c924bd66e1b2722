/**
 * Whether a token is there when it is needed: main stalled for so long at a time, libuv's pool free or full, tokens of
 * 4 s; ours and what one would use instead, each as its documentation says.
 */
import { quantile } from '../statistics.mjs';
import { startEndpoint } from '../support/endpoint.mjs';
import { PEER_NAMES } from '../support/peers.mjs';
import { runProcess } from '../support/processes.mjs';

const LIFE_S = 4;
const DURATION_MS = 10_000;
const STALLS_MS = [0, 100, 300, 1_000];
/** A cell that takes longer hangs. */
const BOUND_MS = 60_000;

/** @typedef {import('../support/asking.mjs').Asked} Asked */

/** @param {object} options @returns {Promise<{ main: Asked, elsewhere: Asked[] }>} */
const runCell = (options) => runProcess('hostile', options, BOUND_MS);

/** @param {import('../harness.mjs').Harness} harness */
export const run = async (harness) => {
  const endpoint = await startEndpoint(LIFE_S);
  const ours = { expired: 0, unavailable: 0, worstP99Ms: 0 };
  for (const poolFull of [false, true]) {
    for (const stallMs of STALLS_MS) {
      for (const name of PEER_NAMES) {
        const cell = { name, url: endpoint.url, lifeS: LIFE_S, stallMs, poolFull, durationMs: DURATION_MS };
        harness.progress(`${name}, stall ${stallMs} ms, pool ${poolFull ? 'full' : 'free'}`);
        await endpoint.reset();
        const { main } = await runCell({ ...cell, threads: 1 });
        const { issued } = await endpoint.stats();
        await endpoint.reset();
        const four = await runCell({ ...cell, threads: 4 });
        const { issued: issuedForFour } = await endpoint.stats();
        const all = [main, four.main, ...four.elsewhere];
        const expired = all.reduce((sum, each) => sum + each.expired, 0);
        const unavailable = all.reduce((sum, each) => sum + each.failed, 0);
        const p99 = quantile(main.waits, 0.99);
        harness.cell({
          peer: name,
          'stall, ms': stallMs,
          pool: poolFull ? 'full' : 'free',
          expired,
          'in vain': unavailable,
          asked: all.reduce((sum, each) => sum + each.waits.length + each.failed, 0),
          'wait p50, ms': quantile(main.waits, 0.5),
          'wait p99, ms': p99,
          'wait max, ms': quantile(main.waits, 1),
          'mints, 1 thread': issued,
          'mints, 4 threads': issuedForFour,
        });
        if (name === 'tokenvisor') {
          ours.expired += expired;
          ours.unavailable += unavailable;
          ours.worstP99Ms = Math.max(ours.worstP99Ms, p99);
        }
      }
    }
  }
  endpoint.close();
  harness.figure('tokenvisor: expired tokens handed out, all cells', ours.expired, { atMost: 0 });
  harness.figure('tokenvisor: asked in vain, all cells', ours.unavailable, { atMost: 0 });
  harness.figure('tokenvisor: wait p99 in the worst cell, ms', ours.worstP99Ms, { atMost: 0.01 });
  harness.note(`Tokens live for ${LIFE_S} s; a cell lasts ${DURATION_MS / 1_000} s and has a process of its own.`);
};
