/**
 * A read of a token that is good: `current()` over the floor, on the main thread and through `attach()` in another; and
 * beside what one would use instead, and a plain object.
 */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { credential, startSupervisor } from 'tokenvisor';
import { median } from '../statistics.mjs';
import { startEndpoint } from '../support/endpoint.mjs';
import { PEER_NAMES, startPeer } from '../support/peers.mjs';
import { createReadCases } from '../support/read-cases.mjs';

/** No token ends while they are read. */
const LIFE_S = 86_400;
const OURS = 'current(), main';

/**
 * Of a plain object, and of a variable, there are so many, read in turn: one would be read before the loop and not in it,
 * because nothing in it could change what it holds, and what were measured is the loop.
 */
const SEVERAL = 8;

/** @param {(() => string)[]} reads as many as `SEVERAL` @returns {import('../harness.mjs').Batch} */
const inTurn = (reads) => (count) => {
  let sum = 0;
  for (let i = 0; i < count; i += 1) sum += /** @type {() => string} */ (reads[i & (SEVERAL - 1)])().length;
  return sum;
};

/** @typedef {import('../support/peers.mjs').Peer} Peer */

/** @param {readonly [Peer, ...Peer[]]} several @returns {import('../harness.mjs').Batch} */
const reading = ([peer, ...more]) =>
  typeof peer.get() === 'string'
    ? inTurn([peer, ...more].map(({ get }) => /** @type {() => string} */ (get)))
    : async (count) => {
        let sum = 0;
        for (let i = 0; i < count; i += 1) sum += (await peer.get()).length;
        return sum;
      };

/** @param {import('../harness.mjs').Harness} harness */
export const run = async (harness) => {
  const supervisor = await startSupervisor({
    api: credential({ provider: new URL('../support/long-lived-provider.mjs', import.meta.url) }),
  });
  const { api } = supervisor.children;
  await supervisor.ready();
  const thread = new Worker(new URL('../support/reader-thread.mjs', import.meta.url), {
    workerData: { handle: api.handle() },
  });
  await once(thread, 'message');
  /** @param {'floor' | 'current'} name */
  const elsewhere = (name) => async (/** @type {number} */ count) => {
    thread.postMessage({ name, count });
    const [timed] = await once(thread, 'message');
    return timed;
  };
  const here = createReadCases(api);
  const endpoint = await startEndpoint(LIFE_S);
  const { authorization } = api.current();
  const plain = Array.from({ length: SEVERAL }, () => ({ token: { authorization } }));
  /** @type {Record<string, [Peer, ...Peer[]]>} */
  const peers = {};
  for (const name of PEER_NAMES) {
    const start = () => startPeer(name, { url: endpoint.url, lifeS: LIFE_S });
    if (name === 'tokenvisor') continue;
    peers[name] = [await start(), ...(await Promise.all(Array.from({ length: SEVERAL - 1 }, start)))];
  }
  const asynchronous = Object.keys(peers).filter((name) => typeof peers[name]?.[0].get() !== 'string');
  const series = await harness.throughput({
    'floor, main': here.floor,
    [OURS]: here.current,
    'floor, attached': elsewhere('floor'),
    'current(), attached': elsewhere('current'),
    'a member of a plain object': (count) => {
      let sum = 0;
      for (let i = 0; i < count; i += 1) sum += plain[i & (SEVERAL - 1)]?.token.authorization.length ?? 0;
      return sum;
    },
    ...Object.fromEntries(Object.entries(peers).map(([name, several]) => [name, reading(several)])),
  });
  harness.ratio('current() over the floor, main', series[OURS], series['floor, main'], { atMost: 1.25 });
  harness.ratio('current() over the floor, attached', series['current(), attached'], series['floor, attached'], {
    atMost: 1.25,
  });
  for (const name of Object.keys(peers)) harness.ratio(`${name} over current()`, series[name], series[OURS]);
  const [fastest = ''] = asynchronous.sort((one, other) => median(series[one] ?? []) - median(series[other] ?? []));
  harness.ratio(`the fastest async peer (${fastest}) over current()`, series[fastest], series[OURS], { atLeast: 1.5 });
  for (const peer of Object.values(peers).flat()) await peer.close();
  endpoint.close();
  await thread.terminate();
  await supervisor.close();
};
