// @ts-check
/** The results: the three side by side, and tokenvisor's failures. */
import { showMs } from './table.js';

/** The greatest wait of 99 of 100 callers with tokenvisor. */
const MOST_WAIT_MS = 1;

/** @typedef {import('./report-channel.js').Summary} Summary */

/** @type {[string, (summary: Summary) => string | number][]} */
const ROWS = [
  ['tokens handed out', ({ handedOut }) => handedOut],
  ['  of them expired', ({ expired }) => expired],
  ['times that none was to be had', ({ unavailable }) => unavailable],
  ['calls refused by the API', ({ refused }) => refused],
  ['wait for a token, p50', ({ waitMs }) => showMs(waitMs.p50)],
  ['  p99', ({ waitMs }) => showMs(waitMs.p99)],
  ['  max', ({ waitMs }) => showMs(waitMs.max)],
  ['mints', ({ mints }) => mints],
  ['outages of the authorization server', ({ happened }) => happened['outage'] ?? 0],
  ['actors killed, and restarted', ({ restarts, happened }) => (happened['throw'] ? restarts : '-')],
];

const LABEL = 38;
const COLUMN = 16;

/** @param {Record<import('./parameters.js').Contender, Summary>} summaries */
export const verdictTable = (summaries) => {
  const columns = Object.values(summaries);
  const titles = ['tokenvisor', 'setInterval', 'lazy client'].map((title) => title.padStart(COLUMN)).join('');
  const rows = ROWS.map(([label, show]) => {
    return `${label.padEnd(LABEL)}${columns.map((summary) => String(show(summary)).padStart(COLUMN)).join('')}`;
  });
  return [`${''.padEnd(LABEL)}${titles}`, ...rows].map((line) => `  ${line}`).join('\n');
};

/** The cost of the others, in this run. @param {Record<import('./parameters.js').Contender, Summary>} summaries */
export const differenceOf = ({ ours, interval, lazy }) =>
  `setInterval asked the authorization server for ${interval.mints} tokens, the lazy client for ${lazy.mints}, ` +
  `tokenvisor for ${ours.mints}, its restarts included; the lazy client let a caller wait for ${showMs(lazy.waitMs.max)}.`;

/** The failures of tokenvisor; empty if all is well. @param {Summary} summary @param {number} accepted calls */
export const faultsOf = ({ expired, refused, unavailable, waitMs, refreshes, happened }, accepted) => {
  const faults = [];
  if (expired > 0) faults.push(`${expired} expired tokens were handed out`);
  if (refused > 0) faults.push(`the API refused ${refused} calls`);
  if (unavailable > 0) faults.push(`${unavailable} times no token was available`);
  if (waitMs.p99 > MOST_WAIT_MS) faults.push(`one caller in a hundred waited for ${showMs(waitMs.p99)} or longer`);
  if (accepted === 0) faults.push('the API accepted no call');
  if (refreshes === 0) faults.push('no token was refreshed');
  for (const [kind, count] of Object.entries(happened)) {
    if (count === 0) faults.push(`it did not happen at all: ${kind}`);
  }
  return faults;
};
