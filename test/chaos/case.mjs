/** The evidence of a run, and what is asked of it more than once: until when a cause accounts for something. Pure. */
import { attemptsOf, startsOf } from './attempts.mjs';
import { HANG_MS, ZOMBIE_MS } from './bounds.mjs';
import { Lived } from './lived.mjs';

/**
 * @typedef {import('./attempts.mjs').Attempt} Attempt
 * @typedef {import('./causes.mjs').Cause} Cause
 * @typedef {import('./children.mjs').Facts} Facts
 * @typedef {import('./reader-thread.mjs').Gap} Gap
 * @typedef {import('./reader-thread.mjs').Late} Late
 * @typedef {import('./replay.mjs').Turn} Turn
 * @typedef {{ fromMonoMs: number, toMonoMs: number }} Span
 * @typedef {{ clientId: string, kind: string, atMonoMs: number }} SeenFault one that the hostile server has dealt out
 *
 * @typedef {object} Evidence
 * @property {Map<string, Facts>} facts
 * @property {Cause[]} causes
 * @property {SeenFault[]} faults
 * @property {Turn[][]} threads the turns of each
 * @property {Gap[]} gaps
 * @property {{ name: string, reason: any, atMonoMs: number }[]} exits
 * @property {{ name: string, atMonoMs: number }[]} zombies threads that were given up
 * @property {{ name: string, atMonoMs: number }[]} parks for too many restarts
 * @property {Late[]} lates
 * @property {import('./lived.mjs').Sample[]} samples what the machine gave the run
 * @property {number} startedMonoMs
 * @property {number} readyMonoMs failures before that count for nothing: all children start at once
 */

/** What is told is heard later, by a main thread that is busy. */
export const SLACK_MS = 1_000;
/** A mint of a server that does what it should. */
export const MINT_MS = 1_500;
/** From a kill to the next incarnation's first turn: the longest wait of a restart, and a boot among many. */
const RESTART_MS = 1_000 + 4_000;
/** Of all children, which boot a few at a time. */
const ALL_RESTART_MS = 7_000;
/** What goes on top of that until the death is seen, and the thread has ended. */
const SEEN_AFTER_MS = /** @type {Record<string, number>} */ ({
  ...{ loop: 2 * HANG_MS, parse: 2 * HANG_MS, zombie: ZOMBIE_MS, heap: 2_000 },
  // The parks of three storms in a row.
  storm: 12_000,
});
/**
 * How long a supervisor thread may be dead: until the last thread has ended that it has started, and the main thread turns.
 * One that hangs is ended after ten seconds in which the main thread turns.
 */
const SUPERVISOR_MS = 9_000;
const SUPERVISOR_HANGS_MS = 20_000;

/**
 * The wall clock is looked at each second: so long after a step a token may be handed out that is past its time, and what is
 * minted from it may be refused. A busy machine is late by a little.
 */
export const STEP_MS = 1_000;
const LATE_MS = 750;
export const FLOOR_MS = 1_000;

/** @param {Cause} cause @param {string} name */
export const killed = ({ family, of }, name) => family === 'kill' && (of === name || of === '*');
/** From a kill to the next incarnation's first turn, at most. @param {Cause} kill */
const restartMs = ({ kind, how, fromMonoMs, toMonoMs }) => {
  if (kind !== 'supervisor') return (SEEN_AFTER_MS[kind] ?? 0) + RESTART_MS;
  const most = SUPERVISOR_MS + (how === 'loop' ? SUPERVISOR_HANGS_MS : 0);
  return Math.min(toMonoMs - fromMonoMs, most) + ALL_RESTART_MS;
};

/** @param {Span} one @param {Span} other */
export const overlap = (one, other, afterMs = 0) =>
  one.fromMonoMs <= other.toMonoMs + afterMs && other.fromMonoMs <= one.toMonoMs + afterMs;

export class Case {
  /** @type {Map<Cause, Map<string, number>>} */
  #unseen = new Map();

  /** @param {Evidence} evidence */
  constructor(evidence) {
    this.evidence = evidence;
    this.lived = new Lived(evidence.samples);
    this.attempts = attemptsOf(evidence.threads, MINT_MS);
    this.starts = startsOf(evidence.threads);
    this.stops = evidence.causes.filter(({ family, kind }) => family === 'machine' && kind === 'stopped');
  }

  /** Whether this was within the bound of a kill of that child's. @param {Cause} kill @param {string} name @param {number} monoMs */
  isBy(kill, name, monoMs) {
    return killed(kill, name) && kill.fromMonoMs <= monoMs && monoMs < this.#backBy(kill);
  }

  /** By when the child's next incarnation has had its first turn. @param {Cause} kill */
  #backBy(kill) {
    return this.lived.after(kill.fromMonoMs, restartMs(kill) + SLACK_MS);
  }

  /** When it has had it, and when it should have had it. @param {Cause} kill @param {string} name */
  back(kill, name) {
    const limitMonoMs = this.#backBy(kill);
    const first = this.starts.find((turn) => turn.name === name && turn.now.monoMs > kill.fromMonoMs);
    return { backMonoMs: Math.min(first?.now.monoMs ?? limitMonoMs, limitMonoMs), limitMonoMs };
  }

  /**
   * Until when a credential may go on as if the clock had not been set: a second from when there is an actor to see it, for
   * one that is dead, or hangs, or whose supervisor is dead, sees no step.
   *
   * @param {Cause} step @param {string} name
   */
  unseenUntil(step, name) {
    const known = this.#unseen.get(step)?.get(name);
    if (known !== undefined) return known;
    const untilMonoMs = this.#unseenUntil(step, name);
    this.#unseen.set(step, (this.#unseen.get(step) ?? new Map()).set(name, untilMonoMs));
    return untilMonoMs;
  }

  /** @param {Cause} step @param {string} name */
  #unseenUntil(step, name) {
    const seenByMonoMs = step.fromMonoMs + STEP_MS;
    const backs = this.evidence.causes.flatMap((cause) => {
      if (!killed(cause, name) || cause.fromMonoMs >= seenByMonoMs) return [];
      const { backMonoMs } = this.back(cause, name);
      return backMonoMs > step.fromMonoMs ? [backMonoMs] : [];
    });
    return this.lived.after(Math.max(step.fromMonoMs, ...backs), STEP_MS + LATE_MS);
  }

  /** Whether the wall clock was off at any time of it. @param {Span} span */
  isOff({ fromMonoMs, toMonoMs }) {
    const steps = this.evidence.causes.filter(({ family }) => family === 'clock');
    return steps.some((step, index) => {
      const untilMonoMs = steps[index + 1]?.fromMonoMs ?? Infinity;
      return step.offsetMs !== 0 && step.fromMonoMs < toMonoMs && fromMonoMs < untilMonoMs + STEP_MS;
    });
  }

  /** How much of that time the run was not given, but for the time in which it was stopped. @param {Span} span */
  starvedMs({ fromMonoMs, toMonoMs }) {
    const stoppedMs = this.stops.reduce((sum, stop) => {
      return sum + Math.max(0, Math.min(stop.toMonoMs, toMonoMs) - Math.max(stop.fromMonoMs, fromMonoMs));
    }, 0);
    return toMonoMs - fromMonoMs - stoppedMs - this.lived.between(fromMonoMs, toMonoMs);
  }

  /** Whether the hostile server has dealt out a fault to it. @param {Attempt} attempt */
  isDealtOut({ name, fromMonoMs, toMonoMs }) {
    const clientId = this.evidence.facts.get(name)?.clientId;
    return this.evidence.faults.some(
      (one) => one.clientId === clientId && one.atMonoMs > fromMonoMs - 100 && one.atMonoMs < toMonoMs + 100,
    );
  }

  /** @param {number} monoMs */
  at(monoMs) {
    return `at ${((monoMs - this.evidence.startedMonoMs) / 1_000).toFixed(1)} s`;
  }
}
