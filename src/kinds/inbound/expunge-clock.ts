/**
 * Decides until which instant entries may be expunged. An entry that is removed while the wall clock is wrongly ahead
 * stays removed when the clock is corrected: a revocation would be forgotten while its token is valid. So the wall
 * clock is trusted only as far as it was ahead of the monotonic one during the whole last day; a larger offset counts
 * once it has lasted that long.
 *
 * The price is memory: after a step forward, or a suspend, expired entries stay for up to two days. A wrong clock is
 * noticed and corrected sooner than that, because tokens of other issuers are rejected. A bound by the time since the
 * last correct moment alone would never follow a clock that was corrected forward, and a pause after a step would end
 * while the clock is still wrong.
 *
 * The state is in words of the child, so that an actor that starts while the clock is wrong still uses the right time.
 * It can't detect that the clock was wrong when the child was started for the first time.
 */
import type { Clock } from '../../core/clock.js';
import type { ActorWords } from '../../memory/user-words.js';

/** The child's words that it uses, from the first on. */
const Word = {
  /** The start of the current span: monotonic seconds, from 1; 0: none yet. */
  BEGAN: 0,
  /** The least offset of the wall clock in the current span, and in the one before: seconds, rounded up. */
  LEAST: 1,
  BEFORE: 2,
} as const;

const SPAN_S = 86_400;

export class ExpungeClock {
  readonly #words: ActorWords;
  readonly #first: number;
  readonly #clock: Clock;

  /** Checks the clocks for the first time. `first`: the index of its first word. */
  constructor(words: ActorWords, first: number, clock: Clock) {
    this.#words = words;
    this.#first = first;
    this.#clock = clock;
    this.look();
  }

  /** Checks the clocks; more frequent checks see more. */
  look(): void {
    const { wallMs, monoMs } = this.#clock.now();
    const aheadS = Math.min(Math.max(0, Math.ceil((wallMs - monoMs) / 1_000)), 2 ** 32 - 1);
    const nowS = Math.floor(monoMs / 1_000) + 1;
    const began = this.#load(Word.BEGAN);
    if (began !== 0 && nowS - began < SPAN_S) return this.#store(Word.LEAST, Math.min(this.#load(Word.LEAST), aheadS));
    // In this order: an actor that ends in between leaves the smaller one.
    this.#store(Word.BEGAN, nowS);
    this.#store(Word.BEFORE, began === 0 ? aheadS : this.#load(Word.LEAST));
    this.#store(Word.LEAST, aheadS);
  }

  /** Entries that have expired by then may be expunged: ms since the Unix epoch, never later than the wall clock. */
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
