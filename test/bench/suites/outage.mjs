/**
 * The authorization server is away for 10 s, and answers 429 for 10 s more; 50 users on 4 threads go on asking. What it
 * receives, how many of them get no token, and how long it takes until every thread has a good one again.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { monoMs } from '../support/clock.mjs';
import { startEndpoint } from '../support/endpoint.mjs';
import { PEER_NAMES } from '../support/peers.mjs';
import { startProcess } from '../support/processes.mjs';

const LIFE_S = 8;
const WELL_MS = 2_000;
const PHASE_MS = 10_000;
const USERS = 50;
const EVERY_MS = 100;
/** The longest back-off is 30 s. */
const AFTERWARDS_MS = 35_000;
const BOUND_MS = 2 * (WELL_MS + 2 * PHASE_MS + AFTERWARDS_MS);

/** Ours also as its documentation has it for tokens that are shorter than its longest back-off. */
const WAYS = [
  { peer: 'tokenvisor', name: 'tokenvisor' },
  { peer: 'tokenvisor, retryEveryMs 2000', name: 'tokenvisor', retryEveryMs: 2_000 },
  ...PEER_NAMES.filter((name) => name !== 'tokenvisor').map((name) => ({ peer: name, name })),
];

/** @typedef {import('../support/asking.mjs').Asked} Asked */

/** @param {readonly number[]} requests */
const busiestSecond = (requests) =>
  Math.max(0, ...requests.map((from) => requests.filter((at) => at >= from && at < from + 1_000).length));

/**
 * From when it is well to the first good one that no bad one comes after; who never has one is late by all that was waited.
 *
 * @param {Asked} asked @param {number} wellAt
 */
export const recoveredAfterMs = ({ goodAt, badAt }, wellAt) => {
  const from = badAt.reduce((last, at) => Math.max(last, at), wellAt);
  const first = goodAt.reduce((first, at) => (at >= from ? Math.min(first, at) : first), Infinity);
  return Math.min(first - wellAt, AFTERWARDS_MS);
};

/** @param {readonly Asked[]} threads */
const longestWaitMs = (threads) =>
  threads.reduce((longest, { waits }) => waits.reduce((a, b) => Math.max(a, b), longest), 0);

/** @param {import('../harness.mjs').Harness} harness */
export const run = async (harness) => {
  for (const { peer, ...way } of WAYS) {
    harness.progress(peer);
    const endpoint = await startEndpoint(LIFE_S);
    const options = { ...way, url: endpoint.url, lifeS: LIFE_S, users: USERS, everyMs: EVERY_MS };
    const cell = startProcess('outage', options, BOUND_MS);
    await cell.hear();
    await sleep(WELL_MS);
    const awayAt = monoMs();
    await endpoint.leave();
    await sleep(PHASE_MS);
    const busyAt = monoMs();
    await endpoint.busy();
    await sleep(PHASE_MS);
    await endpoint.well();
    const wellAt = monoMs();
    await sleep(AFTERWARDS_MS);
    cell.stop();
    /** @type {Asked[]} */
    const threads = await cell.hear();
    await cell.ended;
    const { requests } = await endpoint.stats();
    endpoint.close();
    const failed = threads.reduce((sum, each) => sum + each.failed, 0);
    const expired = threads.reduce((sum, each) => sum + each.expired, 0);
    const asked = threads.reduce((sum, each) => sum + each.failed + each.waits.length, 0);
    const recovered = threads.map((each) => recoveredAfterMs(each, wellAt));
    harness.cell({
      peer,
      'requests while away': requests.filter((at) => at >= awayAt && at < busyAt).length,
      'requests while busy': requests.filter((at) => at >= busyAt && at < wellAt).length,
      'most in a second': busiestSecond(requests),
      asked,
      'in vain, %': (100 * failed) / asked,
      'expired, %': (100 * expired) / asked,
      'longest wait, s': longestWaitMs(threads) / 1_000,
      'recovered after, s': Math.max(...recovered) / 1_000,
    });
  }
  harness.note(`Tokens live for ${LIFE_S} s; each user asks again after ${EVERY_MS} ms, and ${USERS} of them ask.`);
  harness.note('While it is away, connections are counted, which it ends at once. A 429 asks for 2 s.');
};
