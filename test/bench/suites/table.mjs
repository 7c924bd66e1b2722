/**
 * The shared table at ten million entries (`TABLE_ENTRIES` for another size), each part a file of ../table/; then what
 * stands on it, with one or two million (or that size, if it is less), each part a file of ../inbound/.
 */
import { allocateTable } from '../../../dist/table/table-memory.js';
import { run as breakGlass } from '../inbound/break-glass.mjs';
import { run as ledgerLookups } from '../inbound/ledger-lookups.mjs';
import { run as ledgerStores } from '../inbound/ledger-stores.mjs';
import { run as tokenSet } from '../inbound/token-set.mjs';
import { run as growth } from '../table/growth.mjs';
import { run as lookups } from '../table/lookups.mjs';
import { run as pauses } from '../table/pauses.mjs';

/** In this order: each goes on with the table as the one before has left it. */
const PARTS = [growth, lookups, pauses];
/** Each with a supervisor of its own. */
const INBOUND = [breakGlass, tokenSet, ledgerLookups, ledgerStores];

/** @param {import('../harness.mjs').Harness} harness @param {number} entries */
const runTable = async (harness, entries) => {
  const bench = { table: allocateTable({ maxEntries: 40_000_000 }), entries, added: 0 };
  for (const part of PARTS) await part(harness, bench);
};

/** @param {import('../harness.mjs').Harness} harness */
export const run = async (harness) => {
  const entries = Number(process.env['TABLE_ENTRIES'] ?? 10_000_000);
  await runTable(harness, entries);
  for (const part of INBOUND) await part(harness, { entries });
};
