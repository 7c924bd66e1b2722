/**
 * Whether what a run has seen is accounted for: each failed mint, each time without a token, each park, each death. Pure.
 *
 * What a cause may lead to is bounded: a fault that has ended is no excuse for ever. The bounds are those that the options
 * and the documents promise; SLACK_MS is what a machine with nothing left to give adds to them.
 */
import { CHAOS } from './deaths.mjs';
import { TIMEOUT_MS } from './children.mjs';
import { PARKING } from './faults.mjs';
import { OWN_FAILURE } from './own-provider.mjs';

/**
 * @typedef {import('./causes.mjs').Cause} Cause
 * @typedef {import('./children.mjs').Facts} Facts
 * @typedef {import('./reader-thread.mjs').Gap} Gap
 * @typedef {import('./reader-thread.mjs').Late} Late
 * @typedef {import('./replay.mjs').Turn} Turn
 * @typedef {{ clientId: string, kind: string, atMonoMs: number }} SeenFault one that the hostile server has dealt out
 * @typedef {{ name: string, fromMonoMs: number, toMonoMs: number, failure?: import('tokenvisor').MintFailure,
 *   nextMonoMs?: number | undefined }} Attempt
 *
 * @typedef {object} Evidence
 * @property {Map<string, Facts>} facts
 * @property {Cause[]} causes
 * @property {SeenFault[]} faults
 * @property {Turn[][]} threads the turns of each
 * @property {Gap[]} gaps
 * @property {{ name: string, reason: any, atMonoMs: number }[]} exits
 * @property {Late[]} lates
 * @property {import('./probe-thread.mjs').Slow[]} slow when the machine had no time to spare
 * @property {number} startedMonoMs
 * @property {number} readyMonoMs what failed before was nobody's doing but that of all that started at once
 */

const SLACK_MS = 2_500;
/** A mint of a server that does what it should. */
const MINT_MS = 1_500;
/** From a kill to the next incarnation's first turn: the longest wait of a restart, and a boot among many. */
const RESTART_MS = 1_000 + 4_000;
/** Of all children, which boot a few at a time. */
const ALL_RESTART_MS = 9_000;
/**
 * What goes on top of that until the death is seen, and the thread has ended: native code that is in the way of both takes as
 * long as it takes.
 */
const SEEN_AFTER_MS = /** @type {Record<string, number>} */ ({
  ...{ loop: 4_500, parse: 11_000, zombie: 11_000, 'zombie in a rotate()': 11_000, heap: 2_000 },
  // The parks of three storms in a row.
  storm: 12_000,
});
/**
 * How long a supervisor thread may be dead: until the last thread has ended that it has started, and the main thread turns.
 * One that hangs is ended after ten seconds in which the main thread turns.
 */
const SUPERVISOR_MS = 14_000;
const SUPERVISOR_HANGS_MS = 20_000;

/**
 * The wall clock is looked at each second: so long after a step a token may be handed out that is past its time, and what is
 * minted from it may be refused. A busy machine is late by a little.
 */
const STEP_MS = 1_000;
const LATE_MS = 750;
const FLOOR_MS = 1_000;
/** The margin of those that tokens are minted from. */
const SLOW_MS = 1_000;

/** @param {Cause} cause @param {string} name */
const killed = ({ family, of }, name) => family === 'kill' && (of === name || of === '*');
/** From a kill to the next incarnation's first turn, at most. @param {Cause} kill */
const restartMs = ({ kind, how, fromMonoMs, toMonoMs }) => {
  if (kind !== 'supervisor') return (SEEN_AFTER_MS[kind] ?? 0) + RESTART_MS;
  const most = SUPERVISOR_MS + (how === 'loop' ? SUPERVISOR_HANGS_MS : 0);
  return Math.min(toMonoMs - fromMonoMs, most) + ALL_RESTART_MS;
};

/** Each attempt, from its request to what became of it; an attempt that a death cut short ends with nothing. @param {Turn[][]} threads */
const attemptsOf = (threads) => {
  /** @type {Attempt[]} */
  const attempts = [];
  for (const turns of threads) {
    /** @type {Attempt | undefined} */
    let open;
    for (const { name, event, now, effects } of turns) {
      const over =
        event.kind === 'minted' || event.kind === 'mint_failed' || effects.some(({ kind }) => kind === 'cancel');
      if (event.kind === 'mint_failed') {
        const wake = effects.at(-1);
        const nextMonoMs = wake?.kind === 'wake' ? wake.atMonoMs : undefined;
        attempts.push({
          ...{ name, fromMonoMs: open?.fromMonoMs ?? now.monoMs, toMonoMs: now.monoMs },
          ...{ failure: event.failure, nextMonoMs },
        });
      } else if (open && over) attempts.push({ ...open, toMonoMs: now.monoMs });
      if (over) open = undefined;
      if (effects.some(({ kind }) => kind === 'mint')) {
        open = { name, fromMonoMs: now.monoMs, toMonoMs: Infinity };
      }
    }
    if (open) attempts.push({ ...open, toMonoMs: open.fromMonoMs + MINT_MS });
  }
  return attempts.sort((a, b) => a.fromMonoMs - b.fromMonoMs);
};

/** @param {{ fromMonoMs: number, toMonoMs: number }} one @param {{ fromMonoMs: number, toMonoMs: number }} other */
const overlap = (one, other, afterMs = 0) =>
  one.fromMonoMs <= other.toMonoMs + afterMs && other.fromMonoMs <= one.toMonoMs + afterMs;

/** @param {Evidence} evidence @returns {string[]} what nothing accounts for */
export const unexplained = (evidence) => {
  const { facts, causes, faults, threads, gaps, exits, slow, startedMonoMs, readyMonoMs } = evidence;
  const at = (/** @type {number} */ monoMs) => `at ${((monoMs - startedMonoMs) / 1_000).toFixed(1)} s`;
  const attempts = attemptsOf(threads);
  /** @type {Set<Cause>} */
  const spent = new Set();

  /** @param {Attempt} attempt @returns {boolean} */
  const isExplained = (attempt) => {
    const { name, failure } = attempt;
    const { by, signs, sources, singleUse } = /** @type {Facts} */ (facts.get(name));
    const { reason = '', message = '' } = failure ?? {};
    if (by === 'own') return reason === 'provider_threw' && message.includes(OWN_FAILURE) && name === 'own-failing';
    if (dealtOutIn(faults, facts, attempt)) return true;
    if (message.includes('its time is over') && slow.some((one) => overlap(one, attempt))) return true;
    for (const cause of causes) {
      const { family, kind, of } = cause;
      const inForce = overlap(cause, attempt, 300);
      if (family === 'server') {
        const isMet = of === name && cause.fromMonoMs < attempt.toMonoMs && isAnswerOf(kind, failure);
        if (isMet && !spent.has(cause)) return Boolean(spent.add(cause));
        if (inForce && (of === by || (by === 'front' && of === 'server'))) return true;
      }
      // A second after a step a token may be past its time, and so may what is minted from it.
      const stepped =
        family === 'clock' && attempt.toMonoMs - cause.fromMonoMs < STEP_MS + SLACK_MS && inForceSince(cause, attempt);
      if (stepped && reason === 'oauth_error' && (sources.length > 0 || signs)) return true;
      if (family === 'change' && of === name && kind.startsWith('rotate()') && reason === 'oauth_error') {
        if (overlap(cause, attempt, SLACK_MS)) return true;
      }
      // The death of an actor in a single-use exchange.
      if (singleUse && ['exchange_interrupted', 'store_failed'].includes(reason) && killed(cause, name)) {
        if (
          attempt.toMonoMs > cause.fromMonoMs &&
          attempt.fromMonoMs < cause.fromMonoMs + restartMs(cause) + SLACK_MS
        ) {
          return true;
        }
      }
    }
    // A token that was good when it was sent may be none when it is looked at, where that takes longer than its margin.
    const isSlow = attempt.toMonoMs - attempt.fromMonoMs > SLOW_MS;
    if (sources.length > 0 && reason === 'oauth_error' && isSlow) return true;
    if (signs && reason === 'oauth_error' && offsetAt(causes, attempt)) return true;
    if (reason !== 'token_unavailable') return false;
    // For a second after it was there, a token that is minted from another's is late.
    const theirs = { ...attempt, fromMonoMs: attempt.fromMonoMs - SLACK_MS };
    return gaps.some((gap) => sources.includes(gap.name) && overlap(gap, theirs));
  };

  const failed = attempts.filter(({ failure, toMonoMs }) => failure && toMonoMs > readyMonoMs);
  const problems = failed.flatMap((attempt) => {
    if (isExplained(attempt)) return [];
    const { name, failure, fromMonoMs, toMonoMs } = attempt;
    return [
      `${name} ${at(toMonoMs)}: a mint of ${Math.round(toMonoMs - fromMonoMs)} ms failed (${failure?.reason}: ${failure?.message})`,
    ];
  });
  problems.push(...unexplainedParks(evidence));
  for (const { name, reason, atMonoMs } of exits) {
    const isMeant = causes.some(
      (cause) =>
        killed(cause, name) &&
        cause.fromMonoMs <= atMonoMs &&
        atMonoMs < cause.fromMonoMs + restartMs(cause) + SLACK_MS,
    );
    const error = reason.error;
    // A thread that is ended while it starts has ended so.
    const codes = ['ERR_WORKER_OUT_OF_MEMORY', 'FENCED', 'START_FAILED'];
    const isOurs = reason.kind !== 'crash' || error?.message === CHAOS || codes.includes(error?.code);
    // A heart that nobody gives time to does not beat.
    const isStarved = reason.kind === 'hung' && slow.some((one) => Math.abs(one.toMonoMs - atMonoMs) < 5_000);
    if ((!isMeant || !isOurs) && !isStarved)
      problems.push(`${name} ${at(atMonoMs)}: its thread ended (${JSON.stringify(reason)})`);
  }
  const starts = startsOf(threads);
  const isDealtOut = (/** @type {Attempt} */ attempt) => dealtOutIn(faults, facts, attempt);
  const covers = coversOf(causes, attempts, starts, threads, isDealtOut);
  for (const gap of gaps) {
    const { sources = [] } = facts.get(gap.name) ?? {};
    // Without a token to be minted from there is none, and then there is a mint.
    const theirs = gaps.flatMap((one) =>
      sources.includes(one.name) ? [{ ...one, toMonoMs: one.toMonoMs + FLOOR_MS + MINT_MS }] : [],
    );
    const starved = slow.map((one) => ({ ...one, toMonoMs: one.toMonoMs + RESTART_MS + SLACK_MS }));
    const left = uncovered(gap, [...(covers.get(gap.name) ?? []), ...theirs, ...starved]);
    if (left > 0) {
      const lastedMs = Math.round(gap.toMonoMs - gap.fromMonoMs);
      problems.push(
        `${gap.name} ${at(gap.fromMonoMs)}: no token for ${lastedMs} ms (${gap.code}, ${gap.state}), ${Math.round(left)} of them for no reason`,
      );
    }
  }
  return problems;
};

/**
 * A park is the answer to a failure of its kind, and a server's no that was dealt out is one that parks.
 *
 * @param {Evidence} evidence @returns {string[]}
 */
const unexplainedParks = ({ facts, causes, faults, threads, startedMonoMs }) =>
  threads.flat().flatMap(({ name, event, now, effects }) => {
    const parked = effects.flatMap((effect) =>
      effect.kind === 'emit' && effect.event.type === 'child:parked' ? effect.event : [],
    );
    const failure = event.kind === 'mint_failed' ? event.failure : 'obstacle' in event ? event.obstacle : undefined;
    const { clientId, signs = false } = facts.get(name) ?? {};
    const dealtOut = faults.filter((one) => one.clientId === clientId && Math.abs(one.atMonoMs - now.monoMs) < 500);
    // What is signed by a clock that is off is refused by the server itself, whatever else it has done.
    const isOff = signs && offsetAt(causes, { name, fromMonoMs: now.monoMs, toMonoMs: now.monoMs });
    return parked.flatMap(({ why }) => {
      const classes = why === 'ambiguous_exchange' ? ['ambiguous'] : ['fatal', 'park'];
      const isMeant =
        why === 'ambiguous_exchange' ||
        isOff ||
        dealtOut.length === 0 ||
        dealtOut.some(({ kind }) => PARKING.has(kind));
      if (isMeant && failure && classes.includes(failure.class)) return [];
      const at = ((now.monoMs - startedMonoMs) / 1_000).toFixed(1);
      return [
        `${name} at ${at} s: parked (${why}) for ${failure?.class ?? 'nothing'}: ${failure?.message ?? event.kind}`,
      ];
    });
  });

/** The first turn of each incarnation. @param {Turn[][]} threads */
const startsOf = (threads) => threads.flatMap(([first]) => (first?.event.kind === 'started' ? [first] : []));

/**
 * The tokens that were handed out past their time: after a step of the clock there is a second for that, counted from when
 * there is an actor to see it, for one that is dead, or hangs, or whose supervisor is dead, sees no step.
 *
 * @param {Evidence} evidence @returns {string[]}
 */
export const expired = ({ causes, threads, lates, startedMonoMs }) => {
  const starts = startsOf(threads);
  const steps = causes.filter(({ family }) => family === 'clock');
  const isExcepted = (/** @type {Late} */ { name, fromMonoMs, toMonoMs }) => {
    const downs = causes.flatMap((cause) => {
      if (!killed(cause, name)) return [];
      const back = starts.find((turn) => turn.name === name && turn.now.monoMs > cause.fromMonoMs);
      return [{ fromMonoMs: cause.fromMonoMs, toMonoMs: back?.now.monoMs ?? cause.fromMonoMs + restartMs(cause) }];
    });
    return steps.some((step) => {
      const seenBy = step.fromMonoMs + STEP_MS;
      const down = downs.filter((one) => one.fromMonoMs < seenBy && one.toMonoMs > step.fromMonoMs);
      const limit = Math.max(step.fromMonoMs, ...down.map((one) => one.toMonoMs)) + STEP_MS + LATE_MS;
      return fromMonoMs >= step.fromMonoMs && toMonoMs <= limit;
    });
  };
  return lates.flatMap((late) => {
    if (isExcepted(late)) return [];
    const { name, generation, fromMonoMs, toMonoMs, byMs } = late;
    const at = `at ${((fromMonoMs - startedMonoMs) / 1_000).toFixed(1)} s, for ${Math.round(toMonoMs - fromMonoMs)} ms`;
    return [`${name} ${at}: generation ${generation}, at last ${Math.round(byMs)} ms past its time`];
  });
};

/**
 * Whether the hostile server has dealt out a fault to this attempt.
 *
 * @param {SeenFault[]} faults @param {Map<string, Facts>} facts @param {Attempt} attempt
 */
const dealtOutIn = (faults, facts, { name, fromMonoMs, toMonoMs }) => {
  const clientId = facts.get(name)?.clientId;
  return faults.some(
    (one) => one.clientId === clientId && one.atMonoMs > fromMonoMs - 100 && one.atMonoMs < toMonoMs + 100,
  );
};

/** What a fault of a server that is asked directly looks like. @param {string} kind @param {Attempt['failure']} failure */
const isAnswerOf = (kind, failure) =>
  kind.endsWith('500')
    ? failure?.status === 500
    : ['connection_lost', 'exchange_interrupted'].includes(failure?.reason ?? '');

/** @param {Cause} cause @param {Attempt} attempt */
const inForceSince = (cause, attempt) => cause.fromMonoMs <= attempt.toMonoMs;

/** Whether the wall clock was off at any time of an attempt. @param {Cause[]} causes @param {Attempt} attempt */
const offsetAt = (causes, attempt) =>
  causes.some(({ family, fromMonoMs }) => family === 'clock' && fromMonoMs < attempt.toMonoMs);

/**
 * For each credential, when it may be without a token.
 *
 * @param {Cause[]} causes @param {Attempt[]} attempts @param {Turn[]} starts @param {Turn[][]} threads
 * @param {(attempt: Attempt) => boolean} isDealtOut
 */
const coversOf = (causes, attempts, starts, threads, isDealtOut) => {
  /** @type {Map<string, { fromMonoMs: number, toMonoMs: number }[]>} */
  const covers = new Map();
  const names = new Set(threads.flatMap(([first]) => first?.name ?? []));
  for (const name of names) {
    /** @type {{ fromMonoMs: number, toMonoMs: number }[]} */
    const own = [];
    covers.set(name, own);
    const add = (/** @type {number} */ fromMonoMs, /** @type {number} */ toMonoMs) =>
      own.push({ fromMonoMs, toMonoMs });
    for (const cause of causes) {
      const { family, of, fromMonoMs } = cause;
      if (killed(cause, name)) {
        const limit = fromMonoMs + restartMs(cause) + SLACK_MS;
        const back = starts.find(
          (turn) => turn.name === name && turn.now.monoMs > fromMonoMs && turn.now.monoMs < limit,
        );
        add(fromMonoMs, Math.min(limit, (back?.now.monoMs ?? limit) + FLOOR_MS + MINT_MS + SLACK_MS));
      }
      if (family === 'clock') add(fromMonoMs, fromMonoMs + STEP_MS + FLOOR_MS + MINT_MS);
      if (family === 'change' && of === name) add(fromMonoMs, cause.toMonoMs + FLOOR_MS + MINT_MS + SLACK_MS);
    }
    for (const attempt of attempts.filter((one) => one.name === name)) {
      const { fromMonoMs, toMonoMs, failure, nextMonoMs } = attempt;
      // An answer that is slow, or that nobody was there to wait for any more.
      if (isDealtOut(attempt)) add(fromMonoMs, Math.max(toMonoMs, fromMonoMs + TIMEOUT_MS) + MINT_MS);
      // Until what it says itself will be the next, with the time that one takes; of a park the rest is told below.
      if (failure) add(fromMonoMs, (nextMonoMs ?? toMonoMs + SLACK_MS) + MINT_MS);
    }
  }
  return covers;
};

/** How much of a gap nothing covers. @param {Gap} gap @param {{ fromMonoMs: number, toMonoMs: number }[]} covers */
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
