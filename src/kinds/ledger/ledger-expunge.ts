/**
 * Removes what no verifier accepts any more, from the store and from the table, a little at a time.
 */
import type { Store } from '../../storage/port/store.js';
import type { TableWriter } from '../../table/table-writer.js';
import { expungeTable } from '../inbound/expunger.js';

const BATCH = 1_000;

/** Returns how many records were removed. @throws STORE_UNAVAILABLE: what was removed by then stays so. */
export const expungeLedger = async (
  store: Store,
  table: Pick<TableWriter, 'expunge'>,
  nowMs: number,
  signal: AbortSignal,
): Promise<number> => {
  let total = 0;
  while (!signal.aborted) {
    const expired = await store.expired(nowMs, BATCH);
    const removed = expired.length === 0 ? 0 : await store.remove(expired);
    total += removed;
    // None of them, if all were changed meanwhile: the next time.
    if (expired.length < BATCH || removed === 0) break;
  }
  // After the store: what it has forgotten, the table still knew.
  await expungeTable(table, nowMs, signal);
  return total;
};
