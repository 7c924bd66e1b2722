/** Removes records that no verifier needs any more, from the store and from the table, in small batches. */
import type { Store } from '../../storage/port/store.js';
import type { TableWriter } from '../../table/table-writer.js';
import { expungeTable } from '../inbound/expunger.js';

const BATCH = 1_000;

/** Returns how many records were removed. @throws STORE_UNAVAILABLE: those removed by then stay removed. */
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
    // If none was removed, all were changed meanwhile: they are left for the next time.
    if (expired.length < BATCH || removed === 0) break;
  }
  // After the store: until then, the table keeps what the store has removed.
  await expungeTable(table, nowMs, signal);
  return total;
};
