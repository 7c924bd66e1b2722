/** What a report has to show, as tables of texts: each with its head first, and only those that have something in them. */

/** @param {number} value */
export const number = (value) => {
  const size = Math.abs(value);
  if (Number.isInteger(value)) return String(value);
  if (size < 0.01) return value.toPrecision(2);
  return value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : 2);
};

/** @param {string | number | boolean | undefined} value */
const inWords = (value) => (typeof value === 'number' ? number(value) : String(value ?? ''));

/**
 * @typedef {import('../harness.mjs').Row} Row
 * @typedef {import('../harness.mjs').Cell} Cell
 * @typedef {import('../harness.mjs').Figure} Figure
 * @typedef {readonly (readonly string[])[]} Table
 * @typedef {{ missed: string, noBar: string, onlyReported: string }} Words
 */

/** @param {readonly Cell[]} cells @returns {Table} */
const cellsTable = (cells) => {
  const members = Object.keys(cells[0] ?? {});
  return [members, ...cells.map((cell) => members.map((member) => inWords(cell[member])))];
};

/** @param {readonly Row[]} rows @returns {Table} */
const rowsTable = (rows) => [
  ['case', 'median', 'p5', 'p95', 'unit'],
  ...rows.map(({ name, median, p5, p95, unit }) => [name, number(median), number(p5), number(p95), unit]),
];

/** @param {readonly Figure[]} figures @param {Words} words @returns {Table} */
const figuresTable = (figures, { missed, noBar, onlyReported }) => [
  ['figure', 'value', 'bar', ''],
  ...figures.map(({ name, value, bar, met }) => [
    name,
    number(value),
    bar === null ? noBar : number(bar),
    met === null ? onlyReported : met ? 'met' : missed,
  ]),
];

/** @param {{ cells: readonly Cell[], rows: readonly Row[], figures: readonly Figure[] }} report @param {Words} words */
export const tablesOf = ({ cells, rows, figures }, words) =>
  [cellsTable(cells), rowsTable(rows), figuresTable(figures, words)].filter((table) => table.length > 1);

/** What the figures were measured on. @param {Pick<import('../results.mjs').Report, 'machine' | 'versions'>} report */
export const groundOf = ({ machine: { cpu, cores, memoryGB, os }, versions }) =>
  `${cpu}, ${cores} cores, ${memoryGB} GB, ${os}, Node ${versions.node}`;
