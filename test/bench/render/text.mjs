/** A report as text, for a terminal. */
import { groundOf, tablesOf } from './tables.mjs';

/** The first column to the left, the others to the right. @param {import('./tables.mjs').Table} lines */
const aligned = (lines) => {
  const widths = (lines[0] ?? []).map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  return lines
    .map((line) =>
      line
        .map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
};

/** @param {Omit<import('../results.mjs').Report, 'minutes'>} report */
export const formatReport = (report) =>
  [
    `${report.suite}: ${groundOf(report)}`,
    ...tablesOf(report, { missed: 'MISSED', noBar: '-', onlyReported: 'reported' }).map(aligned),
    ...report.notes.map((text) => `note: ${text}`),
  ].join('\n\n');
