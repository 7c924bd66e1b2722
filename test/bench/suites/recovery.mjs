/**
 * From the order to die to fresh again, by kind of death, with main idle, main blocked and libuv's pool full. With a
 * token in the snapshot, readers have it all the while, and what is measured is the time to the successor; without one
 * it is the time to the successor's mint.
 */
import { credential, startSupervisor } from 'tokenvisor';
import { killChildThread, killSupervisorThread } from 'tokenvisor/testing';
import { median, quantile } from '../statistics.mjs';
import { monoMs } from '../support/clock.mjs';
import { fillPool } from '../support/full-pool.mjs';
import { DEATHS, MEMORY_BYTES, Stamp, viewsOf, Word } from '../support/mortal-provider.mjs';

const ROUNDS = 11;
const WARM_UPS = 1;
/** Longer than any recovery: a hang is seen after `HANG_MS`, and a heap takes its time to be full. */
const BLOCK_MS = 2_000;
const HANG_MS = 500;
const BOUND_MS = 20_000;

/** @typedef {import('tokenvisor').TokenSupervisor} Supervisor */
/** @typedef {{ supervisor: Supervisor, name: string, views: ReturnType<typeof viewsOf> }} Victim */

/** @param {Int32Array} words @param {number} word @param {number} value @param {string} what */
const until = async (words, word, value, what) => {
  const endMs = monoMs() + BOUND_MS;
  while (Atomics.load(words, word) < value) {
    if (monoMs() > endMs) throw new Error(`Expected ${what} within ${BOUND_MS} ms`);
    await new Promise((next) => setTimeout(next, 1));
  }
};

/** How a death is brought about. @type {Readonly<Record<string, (victim: Victim) => Promise<void> | void>>} */
const KILLS = {
  ...Object.fromEntries(
    DEATHS.map((death, index) => [
      death,
      async (/** @type {Victim} */ { views }) => {
        Atomics.store(views.words, Word.ORDER, index + 1);
        Atomics.notify(views.words, Word.ORDER);
        await until(views.words, Word.DYING, 1, 'the order to be heard');
      },
    ]),
  ),
  terminate: ({ supervisor, name }) => killChildThread(supervisor, name),
  'the supervisor thread': ({ supervisor }) => killSupervisorThread(supervisor),
};

const SUPERVISOR = 'the supervisor thread';

/** The kinds that need the main thread to turn. */
const NEED_MAIN = new Set(['terminate', SUPERVISOR]);

const CONDITIONS = /** @type {const} */ (['main idle', 'main blocked', "libuv's pool full"]);

let number = 0;

/**
 * @param {Supervisor} supervisor @param {string} death @param {boolean} withToken @param {boolean} blocked
 * @returns {Promise<number>} ms
 */
const recover = async (supervisor, death, withToken, blocked) => {
  const name = `victim-${(number += 1)}`;
  const memory = new SharedArrayBuffer(MEMORY_BYTES);
  const views = viewsOf(memory);
  const child = await supervisor.startChild(
    name,
    credential({
      provider: { module: new URL('../support/mortal-provider.mjs', import.meta.url), export: 'provider' },
      options: { memory },
      eager: withToken,
      hangTimeoutMs: HANG_MS,
    }),
  );
  if (withToken) await child.get();
  await until(views.words, Word.OPENED, 1, 'the first incarnation');
  const token = child.last();
  const startedAt = monoMs();
  await KILLS[death]?.({ supervisor, name, views });
  // The request comes before the successor, which must see it.
  const wanted = withToken ? undefined : child.get({ timeoutMs: BOUND_MS });
  if (blocked) while (monoMs() < startedAt + BLOCK_MS);
  await until(views.words, Word.OPENED, 2, `the successor after '${death}'`);
  await wanted;
  if (withToken && child.current() !== token) throw new Error(`Expected the token to be kept over '${death}'`);
  const stamp = views.stamps[withToken ? Stamp.OPENED : Stamp.MINTED] ?? NaN;
  await supervisor.terminateChild(name);
  await supervisor.deleteChild(name);
  return stamp - startedAt;
};

const start = async () => {
  const supervisor = await startSupervisor({});
  supervisor.on('event', () => undefined);
  return supervisor;
};

/** @param {import('../harness.mjs').Harness} harness */
export const run = async (harness) => {
  const supervisor = await start();
  for (const condition of CONDITIONS) {
    const empty = condition === "libuv's pool full" ? fillPool({ iterations: 50_000 }) : undefined;
    for (const death of Object.keys(KILLS)) {
      if (condition === 'main blocked' && NEED_MAIN.has(death)) continue;
      for (const withToken of [true, false]) {
        const values = [];
        for (let round = -WARM_UPS; round < ROUNDS; round += 1) {
          // Another supervisor each time: the fourth death of one in a minute has to wait.
          const own = death === SUPERVISOR ? await start() : undefined;
          const value = await recover(own ?? supervisor, death, withToken, condition === 'main blocked');
          if (round >= 0) values.push(value);
          await own?.close();
        }
        harness.cell({
          death,
          condition,
          token: withToken ? 'with one' : 'without',
          'p50, ms': median(values),
          'p95, ms': quantile(values, 0.95),
        });
      }
    }
    await empty?.();
  }
  harness.note(`A hang is seen after \`hangTimeoutMs\`, here ${HANG_MS} ms; its figures include that.`);
  harness.note('With a token in the snapshot every reader had one: each round checks it.');
  await supervisor.close();
};
