/** What a machine does to a run: it stops, throttles it, and has other work to do. */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { askProcess } from '../support/ask-process.mjs';
import { Alone } from './stage.mjs';

const MOST_LOOPS = 8;

/** The process beside this one that does it: none can do that to itself. */
export const startOutsider = async () => {
  const child = fork(fileURLToPath(new URL('outsider-process.mjs', import.meta.url)), [], {
    execArgv: [],
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  const { ask, gone } = askProcess(child, 'The process beside the run');
  /** @typedef {{ fromMonoMs: number, toMonoMs: number }} Span */
  /** @type {string | undefined} */
  const refusal = await ask({ kind: 'admit' });
  return {
    /** Why the machine allows no quota, if so. */
    refusal,
    /** @returns {Promise<Span>} */
    stop: (/** @type {number} */ ms) => ask({ kind: 'stop', ms }),
    /** @returns {Promise<Span>} */
    quota: (/** @type {number} */ cores, /** @type {number} */ ms) => ask({ kind: 'quota', cores, ms }),
    /** @returns {Promise<Span>} */
    loops: (/** @type {number} */ count, /** @type {number} */ ms) => ask({ kind: 'loops', count, ms }),
    /** @returns {Promise<void>} */
    makePipe: (/** @type {string} */ file) => ask({ kind: 'makePipe', file }),
    /** Resolves when the zombie at that pipe has been let go. @returns {Promise<void>} */
    release: (/** @type {number} */ ms) => ask({ kind: 'release', ms }),
    close: async () => {
      child.disconnect();
      await gone;
    },
  };
};

/** @typedef {Awaited<ReturnType<typeof startOutsider>>} Outsider */

export class Machine {
  #stage;
  #alone = new Alone();

  /** @param {import('./stage.mjs').Stage} stage */
  constructor(stage) {
    this.#stage = stage;
  }

  /** @returns {Record<string, import('./stage.mjs').Action>} */
  actions() {
    const { outsider, random } = this.#stage;
    return {
      // Some are longer than the time-out of a request.
      'machine: stopped': () => this.#do('stopped', () => outsider.stop(500 + 5_500 * random())),
      ...(outsider.refusal === undefined && {
        'machine: throttled': () =>
          this.#do('throttled', () => outsider.quota(0.3 + 0.3 * random(), 1_500 + 2_500 * random())),
      }),
      'machine: busy': () =>
        this.#do('busy', () => outsider.loops(2 + Math.floor((MOST_LOOPS - 1) * random()), 2_000 + 3_000 * random())),
    };
  }

  /** @param {string} kind @param {() => Promise<{ fromMonoMs: number, toMonoMs: number }>} act */
  async #do(kind, act) {
    const { causes } = this.#stage;
    await this.#alone.run('machine', async () => {
      const cause = causes.begin('machine', kind, '*');
      const span = await act();
      causes.end(cause);
      // As seen from outside: here nothing was seen of a stop.
      Object.assign(cause, span);
    });
  }
}
