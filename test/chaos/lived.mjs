/**
 * Time as far as the machine gave it. A bound on work (a boot, a mint, the way of a kill) is in milliseconds of a machine
 * that has time: on one that is busy, throttled or stopped they last longer, by what the probe has measured. Waits that
 * are promised by the clock (a back-off, a life) are not counted in it. Pure.
 */

/**
 * @typedef {object} Sample what the probe has measured: in order, none overlaps another
 * @property {number} fromMonoMs
 * @property {number} toMonoMs
 * @property {number} livedMs how much of that time the machine gave
 */

export class Lived {
  #samples;

  /** @param {Sample[]} samples Before, between and after them all time was given. */
  constructor(samples) {
    this.#samples = samples;
  }

  /** How much of this time was given. @param {number} fromMonoMs @param {number} toMonoMs */
  between(fromMonoMs, toMonoMs) {
    let lived = 0;
    for (const { from, to, rate } of this.#pieces(fromMonoMs, toMonoMs)) lived += (to - from) * rate;
    return lived;
  }

  /** When so much time has been given. @param {number} fromMonoMs @param {number} ms */
  after(fromMonoMs, ms) {
    let left = ms;
    for (const { from, to, rate } of this.#pieces(fromMonoMs, Infinity)) {
      if ((to - from) * rate >= left) return from + left / rate;
      left -= (to - from) * rate;
    }
    return Infinity;
  }

  /** @param {number} fromMonoMs @param {number} toMonoMs */
  *#pieces(fromMonoMs, toMonoMs) {
    let at = fromMonoMs;
    for (let index = this.#firstAfter(fromMonoMs); at < toMonoMs; index += 1) {
      const sample = this.#samples[index];
      const next = Math.min(sample?.fromMonoMs ?? Infinity, toMonoMs);
      if (next > at) yield { from: at, to: next, rate: 1 };
      if (!sample || sample.fromMonoMs >= toMonoMs) return;
      const from = Math.max(at, sample.fromMonoMs);
      at = Math.min(sample.toMonoMs, toMonoMs);
      const rate = sample.livedMs / (sample.toMonoMs - sample.fromMonoMs);
      if (at > from) yield { from, to: at, rate };
    }
  }

  /** The first sample that ends after this time. @param {number} monoMs */
  #firstAfter(monoMs) {
    let [low, high] = [0, this.#samples.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (/** @type {Sample} */ (this.#samples[middle]).toMonoMs > monoMs) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}
