// @ts-check
/**
 * A kind of child: it counts words. This module runs in the actor's thread, and uses the same interface as the
 * built-in kinds.
 *
 * @import { Behaviour, From, Requested, TaskResult } from 'tokenvisor/actor'
 */
import { noReply, reply } from 'tokenvisor/actor';

/**
 * @typedef {Readonly<Record<string, number>>} Counts
 * @typedef {{ readonly counts: Counts, readonly waiting: readonly From[] }} State
 */

/** @type {Behaviour<State, { minimumLength: number }>} */
const wordCount = {
  // After a crash the successor finds the sealed state.
  init: (context) => ({ counts: /** @type {Counts | undefined} */ (context.sealed()) ?? {}, waiting: [] }),

  // A cast: it has no answer.
  handleCast: (/** @type {{ text: string }} */ { text }, state, context) => {
    if (text === 'the word that crashes it') throw new Error('there is always such a word');
    const counts = { ...state.counts };
    for (const word of text.match(/\w+/g) ?? []) {
      if (word.length >= context.options.minimumLength) counts[word] = (counts[word] ?? 0) + 1;
    }
    context.seal(counts); // First the state that must survive a crash,
    context.publish(counts); // then the value for all threads.
    return { ...state, counts };
  },

  // A call: answered at once, or later. No handler waits; slow work is a task beside the mailbox.
  handleCall: (/** @type {'total' | 'slow report'} */ message, from, state, context) => {
    if (message === 'total') return reply(sum(state.counts), state);
    context.startTask(() => new Promise((resolve) => setTimeout(resolve, 300)), 'report');
    return noReply({ ...state, waiting: [...state.waiting, from] });
  },

  // Results of tasks arrive here.
  handleInfo: (/** @type {TaskResult | Requested} */ message, state, context) => {
    if (message.kind !== 'task') return state;
    for (const from of state.waiting) context.reply(from, `${sum(state.counts)} words, as the task has found`);
    return { ...state, waiting: [] };
  },
};

/** @param {Counts} counts */
const sum = (counts) => Object.values(counts).reduce((total, count) => total + count, 0);

export default wordCount;
