/**
 * docs/reference/benchmarks.md and its plots, from the results alone.
 */
import path from 'node:path';
import * as prettier from 'prettier';
import { ROOT } from '../../run/setup.mjs';
import { number } from '../report.mjs';
import { SUITES } from '../suites.mjs';
import { bars, groups, lines } from './plots.mjs';

/**
 * @typedef {import('../harness.mjs').Row} Row
 * @typedef {import('../harness.mjs').Cell} Cell
 * @typedef {import('../harness.mjs').Figure} Figure
 * @typedef {{ suite: string, minutes: number, machine: { cpu: string, cores: number, memoryGB: number, os: string },
 *   versions: { node: string } & Record<string, string>, rows: Row[], figures: Figure[], cells: Cell[], notes: string[] }} Report
 * @typedef {{ title: string, about: string, plots: (report: Report) => Record<string, string> }} Section
 */

/** @param {readonly Row[]} rows @param {string} unit */
const inUnit = (rows, unit) => rows.filter((row) => row.unit === unit);

/** @type {Readonly<Record<(typeof SUITES)[number], Section>>} */
const SECTIONS = {
  hostile: {
    title: 'A main thread that stalls',
    about:
      "The main thread stalls for so long at a time, over and over; libuv's pool is free, or full; tokens live for 4 s. In between, users ask for a token. `expired` are tokens that had ended, by the server's own word, when the user had them in hand. Peers are used as their documentation says, with the same lead of a quarter of the life, and one instance in each thread, because none of them reaches over threads.",
    plots: ({ cells }) =>
      Object.fromEntries(
        ['free', 'full'].flatMap((state) =>
          ['p99', 'max'].map((which) => [
            `wait-${which}-pool-${state}`,
            lines(
              cells.filter(({ pool }) => pool === state),
              { x: 'stall, ms', y: `wait ${which}, ms`, series: 'peer', logarithmic: true },
            ),
          ]),
        ),
      ),
  },
  outage: {
    title: 'A server that is away, and then busy',
    about:
      'For 10 s the authorization server ends every connection, for 10 s more it answers 429 with a Retry-After of 2 s; 50 users on 4 threads go on asking. Tokens live for 8 s, so that there is none to be had for most of that time: what counts is what the server is spared, and how soon all threads have a good token again. Our back-off doubles up to 30 s and is drawn at random (`retryEveryMs` makes it a fixed one), so the time to recover is another one in each run; who asks the server for every user finds out sooner. A user who is told at once asks more often than one who is kept waiting, so the shares are not of the same number.',
    plots: ({ cells }) => ({
      requests: groups(
        cells.flatMap((cell) =>
          ['requests while away', 'requests while busy'].map((phase) => ({
            phase: phase.replace('requests ', ''),
            peer: cell['peer'] ?? '',
            requests: cell[phase] ?? 0,
          })),
        ),
        { group: 'phase', name: 'peer', value: 'requests' },
      ),
    }),
  },
  reads: {
    title: 'A read',
    about:
      'A token that is good, read over and over. The floor is the least that a reader of a shared, expiring token must do: load a word, look at the clock. A plain object and the variable of a `setInterval` look at no clock, and hand out what has ended.',
    plots: ({ rows }) => ({ ns: bars(inUnit(rows, 'ns')) }),
  },
  calls: {
    title: 'A call, and a cast',
    about:
      'From the main thread to an actor and back, beside a bare `MessagePort`, a bare Comlink echo and a Piscina task, each with a thread that waits for it. One way, a batch ends when the thread has heard all of it.',
    plots: ({ rows }) => ({ us: bars(inUnit(rows, 'us')) }),
  },
  recovery: {
    title: 'From a death to fresh again',
    about:
      'With a token in the snapshot readers have it all the while, and the time is that to the successor; without one it is the time to its first token.',
    plots: ({ cells }) => ({
      p50: groups(
        cells
          .filter(({ condition }) => condition === 'main idle')
          .map((cell) => ({ ...cell, token: `${String(cell['token'])} token` })),
        { group: 'token', name: 'death', value: 'p50, ms' },
      ),
    }),
  },
  threads: {
    title: 'What a thread costs',
    about: 'Resident memory, and the time from the start until all are fresh, beside worker threads that run nothing.',
    plots: ({ cells }) => ({
      memory: lines(cells, { x: 'count', y: 'memory, MB', series: 'of', zero: true }),
      start: lines(cells, { x: 'count', y: 'start, ms', series: 'of', zero: true }),
    }),
  },
  table: {
    title: 'The shared table, and what stands on it',
    about: 'Ten million entries; then a ledger, a break-glass token and a token set, with Map, lmdb and Redis beside.',
    plots: ({ rows }) => ({ ns: bars(inUnit(rows, 'ns')) }),
  },
  soak: {
    title: 'Ten minutes',
    about: '20 credentials whose tokens live for 5 s.',
    plots: ({ cells }) => ({ memory: lines(cells, { x: 'second', y: 'resident, MB', zero: true }) }),
  },
};

/** @param {readonly string[]} head @param {readonly (readonly string[])[]} lines */
const table = (head, lines) =>
  [head, head.map((_, column) => (column === 0 ? '---' : '--:')), ...lines]
    .map((line) => `| ${line.map((text) => text.replaceAll('|', '\\|')).join(' | ')} |`)
    .join('\n');

/** @param {string | number | boolean | undefined} value */
const inWords = (value) => (typeof value === 'number' ? number(value) : String(value ?? ''));

/** @param {readonly Cell[]} cells */
const cellsTable = (cells) => {
  const members = Object.keys(cells[0] ?? {});
  return table(
    members,
    cells.map((cell) => members.map((member) => inWords(cell[member]))),
  );
};

/** @param {readonly Row[]} rows */
const rowsTable = (rows) =>
  table(
    ['case', 'median', 'p5', 'p95', 'unit'],
    rows.map(({ name, median, p5, p95, unit }) => [name, number(median), number(p5), number(p95), unit]),
  );

/** @param {readonly Figure[]} figures */
const figuresTable = (figures) =>
  table(
    ['figure', 'value', 'bar', ''],
    figures.map(({ name, value, bar, met }) => [
      name,
      number(value),
      bar === null ? '' : number(bar),
      met === null ? '' : met ? 'met' : '**missed**',
    ]),
  );

/** Samples over time are for the plot. @param {string} suite */
const showsCells = (suite) => suite !== 'soak';

/** @param {Readonly<Record<string, Report>>} results @returns {Promise<{ page: string, plots: Map<string, string> }>} */
export const renderPage = async (results) => {
  /** @type {Map<string, string>} */
  const plots = new Map();
  const parts = SUITES.flatMap((suite) => {
    const report = results[suite];
    if (!report) return [];
    const { title, about, plots: draw } = SECTIONS[suite];
    const drawn = Object.entries(draw(report)).map(([name, svg]) => {
      const file = `${suite}-${name}.svg`;
      plots.set(file, svg);
      return `![${title}: ${name.replaceAll('-', ' ')}](benchmarks/plots/${file})`;
    });
    const { cpu, cores, memoryGB, os } = report.machine;
    return [
      `## ${title}`,
      `\`npm run bench -- ${suite}\`: ${cpu}, ${cores} cores, ${memoryGB} GB, ${os}, Node ${report.versions.node}; ${report.minutes} min.`,
      about,
      ...drawn,
      ...(report.cells.length > 0 && showsCells(suite) ? [cellsTable(report.cells)] : []),
      ...(report.rows.length > 0 ? [rowsTable(report.rows)] : []),
      ...(report.figures.length > 0 ? [figuresTable(report.figures)] : []),
      ...report.notes,
    ];
  });
  const versions = Object.assign({}, ...Object.values(results).map((report) => report.versions));
  const text = [
    '# Benchmarks',
    "Made by `npm run bench`, from the results in [results.json](benchmarks/results.json), and by nobody's hand. Machines differ and are noisy: what counts are ratios within one run, and the bars that a figure is held against. [Performance](../explanation/performance.md) says why the figures are what they are.",
    'A case is warmed up, then measured in at least 7 rounds that take turns with those that it is compared with; the median, the 5th and the 95th percentile are shown, and a ratio is the median of the ratios of the rounds. What takes minutes is measured once a cell. Each batch returns a value that is made from all of its results, and it is kept: a compiler that left out the work would have nothing to return, and a batch that returns nothing is an error.',
    ...parts,
    '## Versions',
    table(
      ['package', 'version'],
      Object.entries(versions).map(([name, version]) => [name, String(version)]),
    ),
  ].join('\n\n');
  const options = await prettier.resolveConfig(path.join(ROOT, 'docs/reference/benchmarks.md'));
  return { page: await prettier.format(`${text}\n`, { ...options, parser: 'markdown' }), plots };
};
