/** The table of a child, if it has one. */
import { TokenvisorError } from '../core/errors.js';
import type { TableMemory } from '../table/table-memory.js';

/** @throws CONFIG_INVALID if there is none. */
export const tableOf = (child: string, table: TableMemory | undefined): TableMemory => {
  if (table) return table;
  const message = `Expected '${child}' to have a table, got none: give it \`table: true\``;
  throw new TokenvisorError('CONFIG_INVALID', message, { child });
};
