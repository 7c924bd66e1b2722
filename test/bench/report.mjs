/**
 * The table of a suite, for people.
 */

/** @param {number} value */
export const number = (value) => {
  const size = Math.abs(value);
  if (Number.isInteger(value)) return String(value);
  if (size < 0.01) return value.toPrecision(2);
  return value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : 2);
};

/** @param {string | number | boolean | undefined} value */
const inWords = (value) => (typeof value !== 'number' ? String(value ?? '') : number(value));

/** The first column to the left, the others to the right. @param {string[][]} lines */
const table = (lines) => {
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

/**
 * @param {object} report
 * @param {string} report.suite
 * @param {{ cpu: string, cores: number, memoryGB: number, os: string }} report.machine
 * @param {{ node: string }} report.versions
 * @param {readonly import('./harness.mjs').Row[]} report.rows
 * @param {readonly import('./harness.mjs').Figure[]} report.figures
 * @param {readonly import('./harness.mjs').Cell[]} [report.cells]
 * @param {readonly string[]} [report.notes]
 */
export const formatReport = ({ suite, machine, versions, rows, figures, cells = [], notes = [] }) => {
  const { cpu, cores, memoryGB, os } = machine;
  const head = `${suite}: ${cpu}, ${cores} cores, ${memoryGB} GB, ${os}, Node ${versions.node}`;
  const measured = rows.map((row) => [row.name, number(row.median), number(row.p5), number(row.p95), row.unit]);
  const found = figures.map(({ name, value, bar, met }) => [
    name,
    number(value),
    bar === null ? '-' : number(bar),
    met === null ? 'reported' : met ? 'met' : 'MISSED',
  ]);
  const members = Object.keys(cells[0] ?? {});
  const inCells = cells.map((cell) => members.map((member) => inWords(cell[member])));
  return [
    head,
    ...(inCells.length > 0 ? [table([members, ...inCells])] : []),
    ...(measured.length > 0 ? [table([['case', 'median', 'p5', 'p95', 'unit'], ...measured])] : []),
    ...(found.length > 0 ? [table([['figure', 'value', 'bar', ''], ...found])] : []),
    ...notes.map((text) => `note: ${text}`),
  ].join('\n\n');
};
