/**
 * Whether what a run has seen is accounted for: each failed mint, each time without a token, each park, each death. Pure.
 *
 * What a cause may lead to is bounded: a fault that has ended is no excuse for ever. The bounds are those that the options
 * and the documents promise, on a machine that has time for the run: see lived.mjs for what the others add.
 */
import { duesOf } from './attempts.mjs';
import { TIMEOUT_MS } from './bounds.mjs';
import { Case, FLOOR_MS, killed, MINT_MS, overlap, SLACK_MS, STEP_MS } from './case.mjs';
import { CHAOS } from './deaths.mjs';
import { PARKING } from './faults.mjs';
import { OWN_FAILURE } from './own-provider.mjs';

/**
 * @typedef {import('./attempts.mjs').Attempt} Attempt
 * @typedef {import('./case.mjs').Evidence} Evidence
 * @typedef {import('./case.mjs').Span} Span
 * @typedef {import('./causes.mjs').Cause} Cause
 * @typedef {import('./children.mjs').Facts} Facts
 * @typedef {import('./reader-thread.mjs').Gap} Gap
 */

/** A mint where it is due and nothing is in its way: less than a life has left then. */
const DUE_MS = 600;
/** What a token that others are minted from has left when it is handed out last: see children.mjs. */
const SLOW_MS = 1_000;
/** Restarts that a child is given, and the longest time in which they count, with that of hangs. */
const MOST_RESTARTS = 3;
const RESTARTS_COUNT_MS = 60_000;

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
    const { by, sources, singleUse } = /** @type {Facts} */ (facts.get(name));
    const { reason = '', message = '' } = failure ?? {};
    if (by === 'own') return reason === 'provider_threw' && message.includes(OWN_FAILURE) && name === 'own-failing';
    if (theCase.isDealtOut(attempt) || isRefusal(theCase, attempt)) return true;
    if (message.includes('its time is over') && theCase.starvedMs(attempt) > TIMEOUT_MS / 2) return true;
    for (const cause of causes) {
      const { family, kind, of } = cause;
      const inForce = overlap(cause, attempt, 300);
      if (family === 'server') {
        const isMet = of === name && cause.fromMonoMs < attempt.toMonoMs && isAnswerOf(kind, failure);
        if (isMet && !spent.has(cause)) return Boolean(spent.add(cause));
        if (inForce && (of === by || (by === 'front' && of === 'server'))) return true;
      }
      // The death of an actor in a single-use exchange.
      if (singleUse && ['exchange_interrupted', 'store_failed'].includes(reason) && killed(cause, name)) {
        if (
          attempt.toMonoMs > cause.fromMonoMs &&
          theCase.isBy(cause, name, Math.max(attempt.fromMonoMs, cause.fromMonoMs))
        )
          return true;
      }
    }
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

/** Whether the real server has a reason to refuse what it was asked for. @param {Case} theCase @param {Attempt} attempt */
const isRefusal = (theCase, attempt) => {
  const { name, failure, fromMonoMs, toMonoMs } = attempt;
  const { facts, causes } = theCase.evidence;
  const { signs = false, sources = [] } = facts.get(name) ?? {};
  if (failure?.reason !== 'oauth_error') return false;
  // A token that was good when it was sent may be none when it is looked at, where that takes longer than it had left.
  if (sources.length > 0 && toMonoMs - fromMonoMs > SLOW_MS) return true;
  if (signs && theCase.isOff(attempt)) return true;
  return causes.some((cause) => {
    const { family, kind, of } = cause;
    if (family === 'change' && of === name && kind.startsWith('update()')) return overlap(cause, attempt, SLACK_MS);
    // What is minted from a token that is past its time, because its actor has not seen the step yet.
    if (family !== 'clock' || cause.fromMonoMs > toMonoMs) return false;
    return sources.some((source) => fromMonoMs <= theCase.unseenUntil(cause, source));
  });
};

/**
 * A park is the answer to a failure of its kind, and a server's no that was dealt out is one that parks. One for too many
 * restarts follows on as many deaths.
 *
 * @param {Case} theCase
 */
const unexplainedParks = (theCase) => {
  const { attempts, evidence } = theCase;
  const { facts, faults, threads, parks, exits } = evidence;
  const byAnswer = threads.flat().flatMap(({ name, event, now, effects }) => {
    const parked = effects.flatMap((effect) =>
      effect.kind === 'emit' && effect.event.type === 'child:parked' ? effect.event : [],
    );
    if (parked.length === 0) return [];
    const failure = event.kind === 'mint_failed' ? event.failure : 'obstacle' in event ? event.obstacle : undefined;
    const clientId = facts.get(name)?.clientId;
    const dealtOut = faults.filter((one) => one.clientId === clientId && Math.abs(one.atMonoMs - now.monoMs) < 500);
    // What the server has refused itself may follow on a fault that parks nothing.
    const isRefused = attempts.some(
      (attempt) => attempt.name === name && attempt.toMonoMs === now.monoMs && isRefusal(theCase, attempt),
    );
    return parked.flatMap(({ why }) => {
      const classes = why === 'ambiguous_exchange' ? ['ambiguous'] : ['fatal'];
      const isMeant =
        why === 'ambiguous_exchange' ||
        isRefused ||
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
    const all = [...(covers.get(gap.name) ?? []), ...theirs];
    const left = uncovered(gap, theirs.length > 0 ? all.sort((a, b) => a.fromMonoMs - b.fromMonoMs) : all);
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
        // An answer that is slow, or for which no actor waited any more.
        if (theCase.isDealtOut(attempt)) add(fromMonoMs, Math.max(toMonoMs, fromMonoMs + TIMEOUT_MS), MINT_MS);
        // Until the next, with the time that one takes; of a park that a person ends the rest is the person's.
        if (failure) add(fromMonoMs, nextMonoMs ?? toMonoMs + SLACK_MS, MINT_MS);
      }
      return [name, covers.sort((a, b) => a.fromMonoMs - b.fromMonoMs)];
    }),
  );
};

/** How much of a gap nothing covers. @param {Gap} gap @param {Span[]} covers in order */
const uncovered = (gap, covers) => {
  /** Looks may be as late as this. */
  const lateMs = 250;
  let at = gap.fromMonoMs;
  let left = 0;
  for (const { fromMonoMs, toMonoMs } of covers) {
    if (toMonoMs <= at) continue;
    if (fromMonoMs >= gap.toMonoMs) break;
    if (fromMonoMs > at + lateMs) left += fromMonoMs - at;
    at = Math.max(at, toMonoMs);
  }
  if (gap.toMonoMs > at + lateMs) left += gap.toMonoMs - at;
  return left;
};
