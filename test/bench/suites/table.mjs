/** The shared table at ten million entries (`TABLE_ENTRIES` for another size): each part is a file of ../table/. */
import { allocateTable } from '../../../dist/table/table-memory.js';
import { run as growth } from '../table/growth.mjs';
import { run as lookups } from '../table/lookups.mjs';
import { run as pauses } from '../table/pauses.mjs';

/** In this order: each goes on with the table as the one before has left it. */
const PARTS = [growth, lookups, pauses];

/** @param {import('../harness.mjs').Harness} harness */
export const run = async (harness) => {
  const entries = Number(process.env['TABLE_ENTRIES'] ?? 10_000_000);
  const bench = { table: allocateTable({ maxEntries: 40_000_000 }), entries, added: 0 };
  for (const part of PARTS) await part(harness, bench);
};
