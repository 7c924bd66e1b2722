/**
 * Removes expired entries from a table, in the actor that writes it: one segment a turn, so that messages are handled
 * in between.
 */
import { nextTurn } from '../../core/next-turn.js';
import type { TableWriter } from '../../table/table-writer.js';

/** Removes entries that have expired by `nowMs`; resolves with their number, also when `signal` is aborted. */
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

/** The most by which an interval varies, so that many tables are not expunged at the same time. */
const JITTER = 0.1;

/** The time until the next expunge: `intervalMs`, plus or minus a tenth. */
export const expungeInMs = (intervalMs: number, random: () => number = Math.random): number =>
  intervalMs * (1 + JITTER * (2 * random() - 1));
