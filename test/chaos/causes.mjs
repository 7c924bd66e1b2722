/** What was done to whom, and when: each kill and each fault of a run. */
import { monoMs } from './ground.mjs';

/**
 * @typedef {object} Cause
 * @property {'kill' | 'server' | 'clock' | 'store' | 'change' | 'machine'} family
 * @property {string} kind
 * @property {string} of a child's name, or `*`; of `server`, whose token endpoint: `front`, `server`, `other`, or a name
 * @property {string} [how] it was done, of `supervisor`
 * @property {number} [offsetMs] of the wall clock from then on, of `clock`
 * @property {number} fromMonoMs
 * @property {number} toMonoMs `Infinity` while it lasts
 */

export class Causes {
  /** @type {Cause[]} */
  all = [];
  /** @type {Record<string, number>} */
  #done = {};

  /** @param {Cause['family']} family @param {string} kind @param {string} of @returns {Cause} */
  begin(family, kind, of) {
    const cause = { family, kind, of, fromMonoMs: monoMs(), toMonoMs: Infinity };
    this.all.push(cause);
    return cause;
  }

  /** @param {Cause} cause */
  end(cause) {
    cause.toMonoMs = monoMs();
    this.count(cause.family, cause.kind);
  }

  /** It has not come to be. @param {Cause} cause */
  drop(cause) {
    this.all.splice(this.all.indexOf(cause), 1);
  }

  /** It has happened. @param {string} family @param {string} kind */
  count(family, kind) {
    const name = `${family}: ${kind}`;
    this.#done[name] = (this.#done[name] ?? 0) + 1;
  }

  /** How often each kind has happened. @param {string} [family] @returns {Record<string, number>} */
  counts(family) {
    const all = Object.entries(this.#done);
    if (family === undefined) return this.#done;
    return Object.fromEntries(
      all.flatMap(([name, count]) => (name.startsWith(`${family}: `) ? [[name.slice(family.length + 2), count]] : [])),
    );
  }
}
