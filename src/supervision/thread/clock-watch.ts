/**
 * Whether the instants that readers compare with the wall clock were corrected since its last step: by the actor, or by the
 * supervisor if none runs.
 *
 * What the clock was when it was right last is in the child's memory: so a step counts also if it comes while the supervisor
 * thread is dead, and if the actor ends before it has seen it.
 */
import { CLOCK_STEP_MS } from '../../core/clock.js';
import { Header } from '../../memory/layout.js';
import type { SharedWords } from '../../memory/words.js';

/** An actor whose event loop has turned for so long has looked at the clock, however long its mailbox is. */
const FOLLOWED_MS = 5_000;
/** The longest time between two heartbeats of a loop that turns: more of it counts as a hang. */
const BEAT_MS = 2_500;

/** What the words are in. Differences are taken modulo 2^32, which is 13 years. */
const UNIT_MS = 100;
/** A change of the offset by less than this, between two looks, is that of the looks. */
const SAME_MS = 1_000;

/** 0 is a word that was not written yet. */
const unitsOf = (offsetMs: number): number => Math.round(offsetMs / UNIT_MS) | 0 || 1;

/** How much later `a` is than `b`. */
const msBetween = (a: number, b: number): number => ((a - b) | 0) * UNIT_MS;

/** An actor that has a step to follow. */
interface Following {
  readonly incarnation: number;
  /** The offset of the clock. */
  readonly units: number;
  /** Of its heartbeat, at the last look. */
  tick: number;
  /** Since that has changed. */
  silentMs: number;
  turnedMs: number;
}

export class ClockWatch {
  readonly #words: SharedWords;
  #following: Following | undefined;

  /** `offsetMs`: as it is before the child's first actor starts. In memory that has been looked after before it is not used. */
  constructor(words: SharedWords, offsetMs: number) {
    this.#words = words;
    if (words.load(Header.CLOCK_LEAST) === 0) this.followed(offsetMs);
  }

  /**
   * One look at the clock, which is ahead of the monotonic one by `offsetMs`: true if it was stepped, and no correction is
   * known. Of changes in both directions (a short suspend before a step back) the one does not hide the other.
   */
  isBehind(offsetMs: number): boolean {
    const units = unitsOf(offsetMs);
    if (msBetween(units, this.#words.load(Header.CLOCK_LEAST)) < 0) this.#words.store(Header.CLOCK_LEAST, units);
    if (msBetween(units, this.#words.load(Header.CLOCK_GREATEST)) > 0) this.#words.store(Header.CLOCK_GREATEST, units);
    const [least, greatest] = [this.#words.load(Header.CLOCK_LEAST), this.#words.load(Header.CLOCK_GREATEST)];
    return msBetween(greatest, least) >= CLOCK_STEP_MS;
  }

  /** True if it is set back, beside what it was at some moment since the last correction. */
  isSetBack(offsetMs: number): boolean {
    return msBetween(this.#words.load(Header.CLOCK_GREATEST), unitsOf(offsetMs)) >= CLOCK_STEP_MS;
  }

  /** All is right by the clock as it is now. */
  followed(offsetMs: number): void {
    const units = unitsOf(offsetMs);
    this.#words.store(Header.CLOCK_LEAST, units);
    this.#words.store(Header.CLOCK_GREATEST, units);
    this.#following = undefined;
  }

  /** No actor is running: the next one starts again from zero. */
  abandoned(): void {
    this.#following = undefined;
  }

  /** An actor runs, `elapsedMs` since the last look. It counts as corrected once its heartbeat has run for FOLLOWED_MS. */
  follows(incarnation: number, tick: number, offsetMs: number, elapsedMs: number): void {
    const units = unitsOf(offsetMs);
    const before = this.#following;
    if (before?.incarnation !== incarnation || Math.abs(msBetween(units, before.units)) >= SAME_MS) {
      this.#following = { incarnation, units, tick, silentMs: 0, turnedMs: 0 };
      return;
    }
    before.silentMs += elapsedMs;
    if (before.tick === tick) return;
    before.tick = tick;
    before.turnedMs += Math.min(before.silentMs, BEAT_MS);
    before.silentMs = 0;
    if (before.turnedMs >= FOLLOWED_MS) this.followed(offsetMs);
  }
}
