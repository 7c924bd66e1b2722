/** What the recorded turns of the refresh loops tell of a run. Pure. */

/**
 * @typedef {import('./replay.mjs').Turn} Turn
 * @typedef {object} Attempt a mint, from its request to what became of it
 * @property {string} name
 * @property {number} fromMonoMs
 * @property {number} toMonoMs
 * @property {import('tokenvisor').MintFailure} [failure]
 * @property {number | undefined} [nextMonoMs] of one that failed: when the next is due; undefined: none is planned
 */

/**
 * When the next attempt is due, by what the options and the documents promise, and by what the loop remembers. The `wake`
 * of the turn says something else: it is for the end of the token as well.
 *
 * @param {Turn} turn one that has met a failure
 */
const plannedMonoMs = ({ state: { policy, memory }, now, effects: [first] }) => {
  const { parked, notBeforeMonoMs, lastRequestMonoMs } = first?.kind === 'persist' ? first.persisted : memory;
  if (parked && (policy.singleUse || parked.why === 'ambiguous_exchange')) return undefined;
  const wishedMonoMs = parked ? parked.atMonoMs + policy.probeEveryMs : now.monoMs;
  const leastMonoMs = (lastRequestMonoMs ?? -Infinity) + policy.floorMs;
  return Math.max(wishedMonoMs, notBeforeMonoMs ?? -Infinity, leastMonoMs);
};

/**
 * All attempts, by when they began; one that a death cut short ends after `cutMs`, with nothing.
 *
 * @param {Turn[][]} threads @param {number} cutMs
 */
export const attemptsOf = (threads, cutMs) => {
  /** @type {Attempt[]} */
  const attempts = [];
  for (const turns of threads) {
    /** @type {Attempt | undefined} */
    let open;
    for (const turn of turns) {
      const { name, event, now, effects } = turn;
      const over =
        event.kind === 'minted' || event.kind === 'mint_failed' || effects.some(({ kind }) => kind === 'cancel');
      if (event.kind === 'mint_failed') {
        attempts.push({
          ...{ name, fromMonoMs: open?.fromMonoMs ?? now.monoMs, toMonoMs: now.monoMs },
          ...{ failure: event.failure, nextMonoMs: plannedMonoMs(turn) },
        });
      } else if (open && over) attempts.push({ ...open, toMonoMs: now.monoMs });
      if (over) open = undefined;
      if (effects.some(({ kind }) => kind === 'mint')) {
        open = { name, fromMonoMs: now.monoMs, toMonoMs: Infinity };
      }
    }
    if (open) attempts.push({ ...open, toMonoMs: open.fromMonoMs + cutMs });
  }
  return attempts.sort((a, b) => a.fromMonoMs - b.fromMonoMs);
};

/** The first turn of each incarnation, in order. @param {Turn[][]} threads */
export const startsOf = (threads) =>
  threads
    .flatMap(([first]) => (first?.event.kind === 'started' ? [first] : []))
    .sort((a, b) => a.now.monoMs - b.now.monoMs);

/** When the replacement of each token is due. @param {Turn[][]} threads @returns {{ name: string, dueMonoMs: number }[]} */
export const duesOf = (threads) =>
  threads.flat().flatMap(({ name, state: { attempt }, event, effects }) => {
    if (event.kind !== 'minted' || !attempt) return [];
    return effects.flatMap((effect) => {
      if (effect.kind !== 'publish') return [];
      return { name, dueMonoMs: attempt.sentAt.monoMs + effect.times.refreshAtMs - effect.times.issuedAtMs };
    });
  });
