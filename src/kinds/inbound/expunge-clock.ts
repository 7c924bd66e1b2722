/**
 * Until which instant entries may be expunged. What is removed by a wall clock that is wrongly ahead is gone when that is corrected: a
 * revocation is forgotten while its token is good. So the wall clock is believed as far as it was ahead of the monotonic one
 * all through the last day; what it has gained since counts when it has lasted for that long.
 *
 * The price is memory: after a step forward, or a suspend, what has expired stays for up to two days. A wrong clock is found
 * and corrected sooner than that, because tokens of other issuers are rejected. A bound by the time since the last good
 * moment alone would never follow a clock that was corrected forward, and a pause after a step would be over while the clock
 * is wrong still.
 *
 * It lies in words of the child, so that an actor that starts while the clock is wrong still uses the right time. What it can't know is
 * that the clock was wrong when the child was started for the first time.
 */
import type { Clock } from '../../core/clock.js';
import type { ActorWords } from '../../memory/user-words.js';

/** The child's own words that it takes, from the first on. */
const Word = {
  /** When the present span began: monotonic seconds, from 1; 0: there was none yet. */
  BEGAN: 0,
  /** The least by which the wall clock was ahead in the present span, and in the one before: seconds, rounded up. */
  LEAST: 1,
  BEFORE: 2,
} as const;

const SPAN_S = 86_400;

export class ExpungeClock {
  readonly #words: ActorWords;
  readonly #first: number;
  readonly #clock: Clock;

  /** Looks for the first time. `first`: of the child's own words. */
  constructor(words: ActorWords, first: number, clock: Clock) {
    this.#words = words;
    this.#first = first;
    this.#clock = clock;
    this.look();
  }

  /** Looks at the clocks; the more often, the more is seen. */
  look(): void {
    const { wallMs, monoMs } = this.#clock.now();
    const aheadS = Math.min(Math.max(0, Math.ceil((wallMs - monoMs) / 1_000)), 2 ** 32 - 1);
    const nowS = Math.floor(monoMs / 1_000) + 1;
    const began = this.#load(Word.BEGAN);
    if (began !== 0 && nowS - began < SPAN_S) return this.#store(Word.LEAST, Math.min(this.#load(Word.LEAST), aheadS));
    // In this order: an actor that ends in between leaves the lesser one.
    this.#store(Word.BEGAN, nowS);
    this.#store(Word.BEFORE, began === 0 ? aheadS : this.#load(Word.LEAST));
    this.#store(Word.LEAST, aheadS);
  }

  /** What has expired by then may be expunged: ms since the Unix epoch, never later than the wall clock. */
  nowMs(): number {
    this.look();
    const { wallMs, monoMs } = this.#clock.now();
    return Math.min(wallMs, monoMs + Math.min(this.#load(Word.LEAST), this.#load(Word.BEFORE)) * 1_000);
  }

  #load(word: number): number {
    return this.#words.load(this.#first + word) >>> 0;
  }

  #store(word: number, value: number): void {
    this.#words.store(this.#first + word, value);
  }
}
