/**
 * Takes what has expired out of a table, in the actor that writes it: a segment a turn, so that messages have theirs.
 */
import { nextTurn } from '../../core/next-turn.js';
import type { TableWriter } from '../../table/table-writer.js';

/** What has expired by `nowMs`; resolves with how many entries that were, or were until `signal` was aborted. */
export const expungeTable = async (
  table: Pick<TableWriter, 'expunge'>,
  nowMs: number,
  signal: AbortSignal,
): Promise<number> => {
  let total = 0;
  for (const removed of table.expunge(nowMs)) {
    total += removed;
    await nextTurn();
    if (signal.aborted) break;
  }
  return total;
};

/** So much of an interval at most comes on top or off, so that many tables are not expunged at the same time. */
const JITTER = 0.1;

/** How long until the next time: `intervalMs`, give or take a tenth. */
export const expungeInMs = (intervalMs: number, random: () => number = Math.random): number =>
  intervalMs * (1 + JITTER * (2 * random() - 1));
