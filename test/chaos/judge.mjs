/**
 * Whether what a run has seen is accounted for: each failed mint, each time without a token, each park, each death. Pure.
 *
 * What a cause may lead to is bounded: a fault that has ended is no excuse for ever. The bounds are those that the options
 * and the documents promise, on a machine that has time for the run: see lived.mjs for what the others add.
 */
import { attemptsOf, duesOf, startsOf } from './attempts.mjs';
import { HANG_MS, TIMEOUT_MS } from './bounds.mjs';
import { CHAOS } from './deaths.mjs';
import { PARKING } from './faults.mjs';
import { Lived } from './lived.mjs';
import { OWN_FAILURE } from './own-provider.mjs';

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
 * @property {number} readyMonoMs what failed before was nobody's doing but that of all that started at once
 */

/** What is told is heard later, by a main thread that is busy. */
const SLACK_MS = 1_000;
/** A mint of a server that does what it should. */
const MINT_MS = 1_500;
/** The same where it is due and nothing is in its way: less than a life has left then. */
const DUE_MS = 300;
/** From a kill to the next incarnation's first turn: the longest wait of a restart, and a boot among many. */
const RESTART_MS = 1_000 + 4_000;
/** Of all children, which boot a few at a time. */
const ALL_RESTART_MS = 9_000;
/** What goes on top of that until the death is seen, and the thread has ended. */
const SEEN_AFTER_MS = /** @type {Record<string, number>} */ ({
  ...{ loop: 2 * HANG_MS, parse: 2 * HANG_MS, zombie: 2 * HANG_MS + SLACK_MS, heap: 2_000 },
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
const STEP_MS = 1_000;
const LATE_MS = 750;
const FLOOR_MS = 1_000;
/** What a token that others are minted from has left when it is handed out last: see children.mjs. */
const SLOW_MS = 1_000;

/** Restarts that a child is given, and the longest time in which they count, with that of hangs. */
const MOST_RESTARTS = 3;
const RESTARTS_COUNT_MS = 60_000;

/** @param {Cause} cause @param {string} name */
const killed = ({ family, of }, name) => family === 'kill' && (of === name || of === '*');
/** From a kill to the next incarnation's first turn, at most. @param {Cause} kill */
const restartMs = ({ kind, how, fromMonoMs, toMonoMs }) => {
  if (kind !== 'supervisor') return (SEEN_AFTER_MS[kind] ?? 0) + RESTART_MS;
  const most = SUPERVISOR_MS + (how === 'loop' ? SUPERVISOR_HANGS_MS : 0);
  return Math.min(toMonoMs - fromMonoMs, most) + ALL_RESTART_MS;
};

/** @param {Span} one @param {Span} other */
const overlap = (one, other, afterMs = 0) =>
  one.fromMonoMs <= other.toMonoMs + afterMs && other.fromMonoMs <= one.toMonoMs + afterMs;

/** What is asked of the evidence more than once. */
class Case {
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

/** @param {Evidence} evidence @returns {string[]} what nothing accounts for */
export const unexplained = (evidence) => {
  const theCase = new Case(evidence);
  return [
    ...unexplainedFailures(theCase),
    ...unexplainedParks(theCase),
    ...unexplainedEnds(theCase),
    ...unexplainedGaps(theCase),
  ];
};

/** Mints that failed. @param {Case} theCase */
const unexplainedFailures = (theCase) => {
  const { evidence, attempts } = theCase;
  const { facts, causes, gaps, readyMonoMs } = evidence;
  /** @type {Set<Cause>} */
  const spent = new Set();

  /** @param {Attempt} attempt @returns {boolean} */
  const isExplained = (attempt) => {
    const { name, failure } = attempt;
    const { by, signs, sources, singleUse } = /** @type {Facts} */ (facts.get(name));
    const { reason = '', message = '' } = failure ?? {};
    if (by === 'own') return reason === 'provider_threw' && message.includes(OWN_FAILURE) && name === 'own-failing';
    if (theCase.isDealtOut(attempt)) return true;
    if (message.includes('its time is over') && theCase.starvedMs(attempt) > TIMEOUT_MS / 2) return true;
    for (const cause of causes) {
      const { family, kind, of } = cause;
      const inForce = overlap(cause, attempt, 300);
      if (family === 'server') {
        const isMet = of === name && cause.fromMonoMs < attempt.toMonoMs && isAnswerOf(kind, failure);
        if (isMet && !spent.has(cause)) return Boolean(spent.add(cause));
        if (inForce && (of === by || (by === 'front' && of === 'server'))) return true;
      }
      // What is minted from a token that is past its time, because its actor has not seen the step yet.
      if (family === 'clock' && reason === 'oauth_error' && cause.fromMonoMs <= attempt.toMonoMs) {
        if (sources.some((source) => attempt.fromMonoMs <= theCase.unseenUntil(cause, source))) return true;
      }
      if (family === 'change' && of === name && kind.startsWith('rotate()') && reason === 'oauth_error') {
        if (overlap(cause, attempt, SLACK_MS)) return true;
      }
      // The death of an actor in a single-use exchange.
      if (singleUse && ['exchange_interrupted', 'store_failed'].includes(reason) && killed(cause, name)) {
        if (attempt.toMonoMs > cause.fromMonoMs && theCase.isBy(cause, name, Math.max(attempt.fromMonoMs, cause.fromMonoMs)))
          return true;
      }
    }
    // A token that was good when it was sent may be none when it is looked at, where that takes longer than it had left.
    const isSlow = attempt.toMonoMs - attempt.fromMonoMs > SLOW_MS;
    if (sources.length > 0 && reason === 'oauth_error' && isSlow) return true;
    if (signs && reason === 'oauth_error' && theCase.isOff(attempt)) return true;
    if (reason !== 'token_unavailable') return false;
    // For a second after it was there, a token that is minted from another's is late.
    const theirs = { ...attempt, fromMonoMs: attempt.fromMonoMs - FLOOR_MS - SLACK_MS };
    return gaps.some((gap) => sources.includes(gap.name) && overlap(gap, theirs));
  };

  return attempts.flatMap((attempt) => {
    const { name, failure, fromMonoMs, toMonoMs } = attempt;
    if (!failure || toMonoMs <= readyMonoMs || isExplained(attempt)) return [];
    const ms = Math.round(toMonoMs - fromMonoMs);
    return `${name} ${theCase.at(toMonoMs)}: a mint of ${ms} ms failed (${failure.reason}: ${failure.message})`;
  });
};

/**
 * A park is the answer to a failure of its kind, and a server's no that was dealt out is one that parks. One for too many
 * restarts follows on as many deaths.
 *
 * @param {Case} theCase
 */
const unexplainedParks = (theCase) => {
  const { facts, faults, threads, parks, exits } = theCase.evidence;
  const byAnswer = threads.flat().flatMap(({ name, event, now, effects }) => {
    const parked = effects.flatMap((effect) =>
      effect.kind === 'emit' && effect.event.type === 'child:parked' ? effect.event : [],
    );
    const failure = event.kind === 'mint_failed' ? event.failure : 'obstacle' in event ? event.obstacle : undefined;
    const { clientId, signs = false } = facts.get(name) ?? {};
    const dealtOut = faults.filter((one) => one.clientId === clientId && Math.abs(one.atMonoMs - now.monoMs) < 500);
    // What is signed by a clock that is off is refused by the server itself, whatever else it has done.
    const isOff = signs && theCase.isOff({ fromMonoMs: now.monoMs, toMonoMs: now.monoMs });
    return parked.flatMap(({ why }) => {
      const classes = why === 'ambiguous_exchange' ? ['ambiguous'] : ['fatal', 'park'];
      const isMeant =
        why === 'ambiguous_exchange' ||
        isOff ||
        dealtOut.length === 0 ||
        dealtOut.some(({ kind }) => PARKING.has(kind));
      if (isMeant && failure && classes.includes(failure.class)) return [];
      const what = failure?.class ?? 'nothing';
      return `${name} ${theCase.at(now.monoMs)}: parked (${why}) for ${what}: ${failure?.message ?? event.kind}`;
    });
  });
  const byDeaths = parks.flatMap(({ name, atMonoMs }) => {
    const deaths = exits.filter(
      (exit) => exit.name === name && exit.atMonoMs <= atMonoMs && exit.atMonoMs > atMonoMs - RESTARTS_COUNT_MS,
    );
    if (deaths.length > MOST_RESTARTS) return [];
    return `${name} ${theCase.at(atMonoMs)}: parked (restart_intensity) after ${deaths.length} deaths`;
  });
  return [...byAnswer, ...byDeaths];
};

/** Deaths of threads, and threads that were given up. @param {Case} theCase */
const unexplainedEnds = (theCase) => {
  const { causes, exits, zombies } = theCase.evidence;
  const ended = exits.flatMap(({ name, reason, atMonoMs }) => {
    const isMeant = causes.some((cause) => theCase.isBy(cause, name, atMonoMs));
    // A thread that is ended while it starts has ended so.
    const codes = ['ERR_WORKER_OUT_OF_MEMORY', 'FENCED', 'START_FAILED'];
    const isOurs = reason.kind !== 'crash' || reason.error?.message === CHAOS || codes.includes(reason.error?.code);
    if (isMeant && isOurs) return [];
    return `${name} ${theCase.at(atMonoMs)}: its thread ended (${JSON.stringify(reason)})`;
  });
  const givenUp = zombies.flatMap(({ name, atMonoMs }) => {
    if (causes.some((cause) => cause.kind === 'zombie' && theCase.isBy(cause, name, atMonoMs))) return [];
    return `${name} ${theCase.at(atMonoMs)}: its thread was given up as a zombie`;
  });
  return [...ended, ...givenUp];
};

/** Times without a token. @param {Case} theCase */
const unexplainedGaps = (theCase) => {
  const { facts, gaps } = theCase.evidence;
  const { lived } = theCase;
  const covers = coversOf(theCase);
  return gaps.flatMap((gap) => {
    const { sources = [] } = facts.get(gap.name) ?? {};
    // Without a token to be minted from there is none, and then there is a mint.
    const theirs = gaps.flatMap((one) =>
      sources.includes(one.name) ? [{ ...one, toMonoMs: lived.after(one.toMonoMs, FLOOR_MS + MINT_MS) }] : [],
    );
    const left = uncovered(gap, [...(covers.get(gap.name) ?? []), ...theirs]);
    if (left <= 0) return [];
    const lastedMs = Math.round(gap.toMonoMs - gap.fromMonoMs);
    return `${gap.name} ${theCase.at(gap.fromMonoMs)}: no token for ${lastedMs} ms (${gap.code}, ${gap.state}), ${Math.round(left)} of them for no reason`;
  });
};

/**
 * The tokens that were handed out past their time: after a step of the clock there is a second for that.
 *
 * @param {Evidence} evidence @returns {string[]}
 */
export const expired = (evidence) => {
  const theCase = new Case(evidence);
  const steps = evidence.causes.filter(({ family }) => family === 'clock');
  return evidence.lates.flatMap(({ name, generation, fromMonoMs, toMonoMs, byMs }) => {
    const isExcepted = steps.some(
      (step) => fromMonoMs >= step.fromMonoMs && toMonoMs <= theCase.unseenUntil(step, name),
    );
    if (isExcepted) return [];
    const lastedMs = Math.round(toMonoMs - fromMonoMs);
    return `${name} ${theCase.at(fromMonoMs)}, for ${lastedMs} ms: generation ${generation}, at last ${Math.round(byMs)} ms past its time`;
  });
};

/** What a fault of a server that is asked directly looks like. @param {string} kind @param {Attempt['failure']} failure */
const isAnswerOf = (kind, failure) =>
  kind.endsWith('500')
    ? failure?.status === 500
    : ['connection_lost', 'exchange_interrupted'].includes(failure?.reason ?? '');

/** For each credential, when it may be without a token. @param {Case} theCase @returns {Map<string, Span[]>} */
const coversOf = (theCase) => {
  const { lived, attempts, evidence } = theCase;
  const dues = duesOf(evidence.threads);
  return new Map(
    [...evidence.facts.keys()].map((name) => {
      /** @type {Span[]} */
      const covers = [];
      const add = (/** @type {number} */ fromMonoMs, /** @type {number} */ untilMonoMs, /** @type {number} */ workMs) =>
        covers.push({ fromMonoMs, toMonoMs: lived.after(untilMonoMs, workMs) });
      for (const cause of evidence.causes) {
        const { family, kind, of, fromMonoMs, toMonoMs } = cause;
        if (killed(cause, name)) {
          const { backMonoMs } = theCase.back(cause, name);
          add(fromMonoMs, backMonoMs, FLOOR_MS + MINT_MS);
        }
        if (family === 'clock') add(fromMonoMs, fromMonoMs, STEP_MS + FLOOR_MS + MINT_MS);
        if (family === 'change' && of === name) add(fromMonoMs, toMonoMs, FLOOR_MS + MINT_MS);
        // What has expired meanwhile is replaced at once.
        if (family === 'machine' && kind === 'stopped') add(fromMonoMs, toMonoMs, FLOOR_MS + MINT_MS);
      }
      for (const due of dues) if (due.name === name) add(due.dueMonoMs, due.dueMonoMs, DUE_MS);
      for (const attempt of attempts) {
        if (attempt.name !== name) continue;
        const { fromMonoMs, toMonoMs, failure, nextMonoMs } = attempt;
        // An answer that is slow, or that nobody was there to wait for any more.
        if (theCase.isDealtOut(attempt)) add(fromMonoMs, Math.max(toMonoMs, fromMonoMs + TIMEOUT_MS), MINT_MS);
        // Until the next, with the time that one takes; of a park that a person ends the rest is the person's.
        if (failure) add(fromMonoMs, nextMonoMs ?? toMonoMs + SLACK_MS, MINT_MS);
      }
      return [name, covers];
    }),
  );
};

/** How much of a gap nothing covers. @param {Gap} gap @param {Span[]} covers */
const uncovered = (gap, covers) => {
  /** Looks may be as late as this. */
  const lateMs = 250;
  let at = gap.fromMonoMs;
  let left = 0;
  for (const { fromMonoMs, toMonoMs } of [...covers].sort((a, b) => a.fromMonoMs - b.fromMonoMs)) {
    if (toMonoMs <= at) continue;
    if (fromMonoMs >= gap.toMonoMs) break;
    if (fromMonoMs > at + lateMs) left += fromMonoMs - at;
    at = Math.max(at, toMonoMs);
  }
  if (gap.toMonoMs > at + lateMs) left += gap.toMonoMs - at;
  return left;
};
