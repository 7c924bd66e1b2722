/**
 * docs/reference/benchmarks.md and its plots, from the results alone.
 */
import path from 'node:path';
import * as prettier from 'prettier';
import { ROOT } from '../../run/setup.mjs';
import { SUITES } from '../suites.mjs';
import { SECTIONS } from './sections.mjs';
import { groundOf, tablesOf } from './tables.mjs';

/** @typedef {import('../results.mjs').Report} Report */

/** @param {import('./tables.mjs').Table} lines */
const table = ([head = [], ...lines]) =>
  [head, head.map((_, column) => (column === 0 ? '---' : '--:')), ...lines]
    .map((line) => `| ${line.map((text) => text.replaceAll('|', '\\|')).join(' | ')} |`)
    .join('\n');

/** Samples over time are for the plot. @param {Report} report @returns {Report} */
const withoutSamples = (report) => (report.suite === 'soak' ? { ...report, cells: [] } : report);

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
    return [
      `## ${title}`,
      `\`npm run bench -- ${suite}\`: ${groundOf(report)}; ${report.minutes} min.`,
      about,
      ...drawn,
      ...tablesOf(withoutSamples(report), { missed: '**missed**', noBar: '', onlyReported: '' }).map(table),
      ...report.notes,
    ];
  });
  /** @type {Record<string, string>} */
  const versions = Object.assign({}, ...Object.values(results).map((report) => report.versions));
  const text = [
    '# Benchmarks',
    'Made by `npm run bench`, from the results in [results.json](benchmarks/results.json), not edited by hand. Machines differ and are noisy: compare ratios within one run, and figures with their bars. [Performance](../explanation/performance.md) explains the figures.',
    'A case is warmed up, then measured in at least 7 rounds, in turns with the cases that it is compared with; the median, the 5th and the 95th percentile are shown. A ratio is the median of the ratios of the rounds, so it differs from the ratio of two medians. Measurements of minutes run once a cell, and a line between two points of a plot is no trend. A bar is our own limit; a peer is an alternative to tokenvisor. Each batch returns a value made from all of its results, so a compiler must not leave out the work; a batch that returns nothing, or takes no time at any size, is an error. A value that a loop could read only once (a plain object, a variable) is one of eight, read in turn.',
    ...parts,
    '## Versions',
    table([['package', 'version'], ...Object.entries(versions)]),
  ].join('\n\n');
  const options = await prettier.resolveConfig(path.join(ROOT, 'docs/reference/benchmarks.md'));
  return { page: await prettier.format(`${text}\n`, { ...options, parser: 'markdown' }), plots };
};
