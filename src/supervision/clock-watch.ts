/**
 * Whether the instants that readers compare with the wall clock were corrected since its last step: by the actor, or by the
 * supervisor if none runs.
 *
 * What the clock was when it was right last is in the child's memory: so a step counts also if it comes while the supervisor
 * thread is dead, and if the actor ends before it has seen it.
 */
import { CLOCK_STEP_MS } from '../clock.js';
import { Header } from '../memory/layout.js';
import type { SharedWords } from '../memory/words.js';

/** An actor whose event loop has turned for so long has looked at the clock, however long its mailbox is. */
const FOLLOWED_MS = 5_000;
/** The longest time between two heartbeats of a loop that turns: more of it counts as a hang. */
const BEAT_MS = 2_500;

const secondsOf = (offsetMs: number): number => Math.round(offsetMs / 1_000) >>> 0;

/** An actor that has a step to follow. */
interface Following {
  readonly incarnation: number;
  readonly second: number;
  /** Of its heartbeat, at the last look. */
  tick: number;
  /** Since that has changed. */
  silentMs: number;
  turnedMs: number;
}

export class ClockWatch {
  readonly #words: SharedWords;
  #following: Following | undefined;

  constructor(words: SharedWords) {
    this.#words = words;
  }

  /** True if the clock was stepped, and no correction is known. `offsetMs`: wall less monotonic time. */
  isBehind(offsetMs: number): boolean {
    const second = this.#words.load(Header.CLOCK) >>> 0;
    if (second === 0) this.followed(offsetMs);
    return second !== 0 && Math.abs(secondsOf(offsetMs) - second) * 1_000 >= CLOCK_STEP_MS;
  }

  /** All is right by the clock as it is now. */
  followed(offsetMs: number): void {
    this.#words.store(Header.CLOCK, secondsOf(offsetMs) | 0);
    this.#following = undefined;
  }

  /** No actor is running: the next one starts again from zero. */
  abandoned(): void {
    this.#following = undefined;
  }

  /** An actor runs, `elapsedMs` since the last look. It counts as corrected once its heartbeat has run for FOLLOWED_MS. */
  follows(incarnation: number, tick: number, offsetMs: number, elapsedMs: number): void {
    const second = secondsOf(offsetMs);
    const before = this.#following;
    if (before?.incarnation !== incarnation || before.second !== second) {
      this.#following = { incarnation, second, tick, silentMs: 0, turnedMs: 0 };
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
