/**
 * A thread that writes to the ledgers and the token set all the time, and counts what was acknowledged. An entry is named
 * by its number, so that all of them can be looked for afterwards.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { attach } from 'tokenvisor';
import { takeClock, Word } from './ground.mjs';

/**
 * @typedef {{ name: string, written: number, unknown: number[], lost: string[], refused: Record<string, number> }} Written
 *   `written`: so many were asked for; `unknown`: which of them were not acknowledged
 */

/** @type {{ writers: any[], ground: import('./ground.mjs').Ground }} */
const { writers, ground } = workerData;
takeClock(ground.words);
const EVERY_MS = 15;
const AFTER_A_REFUSAL_MS = 60;
const LONG_MS = 86_400_000;
/** From so many on they are written again, in turn: what a store keeps would be memory that grows. */
const MOST = 3_000;

/** @type {string[]} */
const rejections = [];
process.on('unhandledRejection', (error) => rejections.push(String(error)));
const sleep = (/** @type {number} */ ms) => new Promise((resolve) => setTimeout(resolve, ms));
const stopped = () => Atomics.load(ground.words, Word.STOP) === 1;

/** Every third token is taken out again, at once. @param {any} target @param {number} at */
const writeOne = async (target, at) => {
  if ('revokeJti' in target) {
    await target.revokeJti(`j-${at}`, { expiresAtMs: Date.now() + LONG_MS });
    return target.isJtiRevoked(`j-${at}`);
  }
  await target.insert(`t-${at}`, { expiresAtMs: Date.now() + LONG_MS });
  if (at % 3 !== 0) return target.exists(`t-${at}`);
  await target.destroy(`t-${at}`);
  return !target.exists(`t-${at}`);
};

/** @param {any} target @param {Written} written */
const write = async (target, written) => {
  for (let turn = 0; !stopped(); turn += 1) {
    const at = turn % MOST;
    written.written = Math.max(written.written, at + 1);
    try {
      if (!(await writeOne(target, at))) written.lost.push(`${at} is not seen by whom it was acknowledged to`);
      await sleep(EVERY_MS);
    } catch (error) {
      written.unknown.push(at);
      const code = /** @type {{ code?: string }} */ (error).code ?? String(error);
      written.refused[code] = (written.refused[code] ?? 0) + 1;
      await sleep(AFTER_A_REFUSAL_MS);
    }
  }
};

Atomics.add(ground.words, Word.UP, 1);
const all = await Promise.all(
  writers.map(async (writer) => {
    /** @type {Written} */
    const written = { name: writer.name, written: 0, unknown: [], lost: [], refused: {} };
    await write(attach(writer), written);
    return written;
  }),
);
parentPort?.postMessage({ all, rejections });
parentPort?.close();
