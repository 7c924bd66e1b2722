/** What a chaos run is done to, and what those who do it have in common. */
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * @typedef {() => Promise<unknown>} Action
 * @typedef {object} Stage
 * @property {any} supervisor
 * @property {import('./servers.mjs').Servers} servers
 * @property {Awaited<ReturnType<typeof import('./children.mjs').makeChildren>>} children
 * @property {import('./ground.mjs').Ground} ground
 * @property {import('./causes.mjs').Causes} causes
 * @property {import('./machine.mjs').Outsider} outsider
 * @property {() => number} random
 * @property {string} folder
 * @property {boolean} long of several minutes
 */

/** @param {Stage} stage @param {(facts: import('./children.mjs').Facts) => boolean} which */
export const credentialsOf = ({ children }, which) =>
  [...children.facts].flatMap(([name, facts]) => (which(facts) ? [name] : []));

/** One at a time of what has the same name: the second does not come to be. */
export class Alone {
  /** @type {Set<string>} */
  #busy = new Set();

  /** @param {string} what @param {() => Promise<void>} run */
  async run(what, run) {
    if (this.#busy.has(what)) return;
    this.#busy.add(what);
    try {
      await run();
    } finally {
      this.#busy.delete(what);
    }
  }
}

/** @param {unknown} error */
export const isDeath = (error) =>
  ['ACTOR_DOWN', 'NO_PROC', 'CALL_TIMEOUT', 'TIMEOUT'].includes(/** @type {{ code?: string }} */ (error).code ?? '');

/** @param {Promise<unknown>} request */
export const supervisorMayDie = (request) =>
  request.catch((/** @type {unknown} */ error) => {
    if (!isDeath(error)) throw error;
  });

const TRIES = 50;
const TRY_EVERY_MS = 200;

/** Makes a request again for as long as a thread dies over it. @param {() => Promise<unknown>} request */
export const untilTaken = async (request, pause = () => sleep(TRY_EVERY_MS)) => {
  for (let tries = 1; ; tries += 1) {
    try {
      return await request();
    } catch (error) {
      if (!isDeath(error) || tries === TRIES) throw error;
    }
    await pause();
  }
};
