/**
 * Tracks whether the instants that readers compare with the wall clock were corrected since its last step: by the
 * actor, or by the supervisor if none runs.
 *
 * The last correct state of the clock is in the child's memory: so a step counts even if it happens while the
 * supervisor thread is dead, or if the actor ends before it has noticed it.
 */
import { CLOCK_STEP_MS } from '../../core/clock.js';
import { Header } from '../../memory/layout.js';
import type { SharedWords } from '../../memory/words.js';

/** An actor whose event loop has turned for this long has checked the clock, however long its mailbox is. */
const FOLLOWED_MS = 5_000;
/** The longest time between two heartbeats of a turning loop: a longer one counts as a hang. */
const BEAT_MS = 2_500;

/** The unit of the words. Differences are taken modulo 2^32, which is 13 years. */
const UNIT_MS = 100;
/** A smaller change of the offset between two checks is measurement error. */
const SAME_MS = 1_000;

/** 0 is a word that was not written yet. */
const unitsOf = (offsetMs: number): number => Math.round(offsetMs / UNIT_MS) | 0 || 1;

/** How much later `a` is than `b`. */
const msBetween = (a: number, b: number): number => ((a - b) | 0) * UNIT_MS;

/** An actor that has to follow a step. */
interface Following {
  readonly incarnation: number;
  /** The offset of the clock. */
  readonly units: number;
  /** Its heartbeat, at the last check. */
  tick: number;
  /** The time since the heartbeat has changed. */
  silentMs: number;
  turnedMs: number;
}

export class ClockWatch {
  readonly #words: SharedWords;
  #following: Following | undefined;

  /** `offsetMs`: the offset before the child's first actor starts. Not used if the memory already has one. */
  constructor(words: SharedWords, offsetMs: number) {
    this.#words = words;
    if (words.load(Header.CLOCK_LEAST) === 0) this.followed(offsetMs);
  }

  /**
   * One check of the clock, which is ahead of the monotonic one by `offsetMs`: true if it was stepped, and no
   * correction is known. Of changes in both directions (a short suspend before a step back) one does not hide the
   * other.
   */
  isBehind(offsetMs: number): boolean {
    const units = unitsOf(offsetMs);
    if (msBetween(units, this.#words.load(Header.CLOCK_LEAST)) < 0) this.#words.store(Header.CLOCK_LEAST, units);
    if (msBetween(units, this.#words.load(Header.CLOCK_GREATEST)) > 0) this.#words.store(Header.CLOCK_GREATEST, units);
    const [least, greatest] = [this.#words.load(Header.CLOCK_LEAST), this.#words.load(Header.CLOCK_GREATEST)];
    return msBetween(greatest, least) >= CLOCK_STEP_MS;
  }

  /** True if it is behind where it was at some moment since the last correction. */
  isSetBack(offsetMs: number): boolean {
    return msBetween(this.#words.load(Header.CLOCK_GREATEST), unitsOf(offsetMs)) >= CLOCK_STEP_MS;
  }

  /** Records that all instants are right by the current clock. */
  followed(offsetMs: number): void {
    const units = unitsOf(offsetMs);
    this.#words.store(Header.CLOCK_LEAST, units);
    this.#words.store(Header.CLOCK_GREATEST, units);
    this.#following = undefined;
  }

  /** Called when no actor is running: the next one starts again from zero. */
  abandoned(): void {
    this.#following = undefined;
  }

  /**
   * Called while an actor runs, `elapsedMs` since the last check. It counts as corrected once its heartbeat has run for
   * FOLLOWED_MS.
   */
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
