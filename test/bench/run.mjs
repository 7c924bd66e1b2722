/**
 * `npm run bench` runs all suites, writes their results into docs/reference/benchmarks/results.json, each as soon as it is
 * there, and renders docs/reference/benchmarks.md from them. `npm run bench -- SUITE [--json]` runs
 * test/bench/suites/SUITE.mjs and prints its table; with `--json` the last line is one JSON object; `--minutes` is how long
 * the soak takes. `npm run bench -- --render` renders what has been measured before.
 *
 * A figure that misses its bar is told, and does not make the command fail: figures of a busy machine are no test.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { inspect } from 'node:util';
import { readArguments, wholeNumber } from '../run/options.mjs';
import { ROOT, SetupError, runMain, setUp } from '../run/setup.mjs';
import { createHarness } from './harness.mjs';
import { formatReport } from './render/text.mjs';
import { keepResult, readResults, RESULTS } from './results.mjs';
import { SUITES } from './suites.mjs';
import { endProcesses } from './support/processes.mjs';

/** @typedef {import('./results.mjs').Report} Report */

const USAGE = `npm run bench [-- SUITE... [--json] [--minutes N]], or npm run bench -- --render; suites: ${SUITES.join(', ')}`;

/** The packages that take part. */
const PACKAGES = [
  ...['piscina', 'comlink', 'google-auth-library', '@smithy/property-provider', 'lru-cache'],
  ...['lmdb', 'ioredis', 'pg'],
];

const machine = () => ({
  cpu: os.cpus()[0]?.model.trim() ?? 'unknown',
  cores: os.availableParallelism(),
  memoryGB: Math.round(os.totalmem() / 2 ** 30),
  os: `${os.platform()} ${os.arch()}`,
});

/** @param {string} manifest @returns {string} */
const versionIn = (manifest) => JSON.parse(readFileSync(path.join(ROOT, manifest), 'utf8')).version;

const versions = () => ({
  node: process.versions.node,
  v8: process.versions.v8,
  tokenvisor: versionIn('package.json'),
  ...Object.fromEntries(PACKAGES.map((name) => [name, versionIn(`node_modules/${name}/package.json`)])),
});

/** @param {string} suite @param {{ minutes?: number }} [options] @returns {Promise<Report>} */
const runSuite = async (suite, options = {}) => {
  /** @type {{ run: (harness: import('./harness.mjs').Harness, options: { minutes?: number }) => Promise<void> }} */
  const { run } = await import(`./suites/${suite}.mjs`);
  const harness = createHarness({ progress: (line) => process.stderr.write(`bench: ${suite}: ${line}\n`) });
  const startedAt = performance.now();
  try {
    await run(harness, options);
  } finally {
    endProcesses();
  }
  const minutes = Math.round((performance.now() - startedAt) / 6_000) / 10;
  return { suite, minutes, machine: machine(), versions: versions(), ...harness.results() };
};

const render = async () => {
  const results = readResults();
  if (Object.keys(results).length === 0) {
    throw new SetupError(`Expected results in ${RESULTS}: npm run bench makes them`);
  }
  const { renderPage } = await import('./render/page.mjs');
  const folder = path.join(ROOT, 'docs/reference');
  const plotsFolder = path.join(folder, 'benchmarks/plots');
  const { page, plots } = await renderPage(results);
  rmSync(plotsFolder, { recursive: true, force: true });
  mkdirSync(plotsFolder, { recursive: true });
  for (const [name, svg] of plots) writeFileSync(path.join(plotsFolder, name), svg);
  writeFileSync(path.join(folder, 'benchmarks.md'), page);
  process.stderr.write(`bench: wrote docs/reference/benchmarks.md and ${plots.size} plots\n`);
};

// An interrupt of this process alone would leave the others behind; what a suite has started else ends at the exit.
for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
  process.once(signal, () => {
    endProcesses();
    process.exit(128 + os.constants.signals[signal]);
  });
}
await runMain(async () => {
  const { values, positionals } = readArguments(
    USAGE,
    { json: { type: 'boolean' }, minutes: { type: 'string' }, render: { type: 'boolean' } },
    { allowPositionals: true },
  );
  const unknown = positionals.filter((name) => !SUITES.some((suite) => suite === name));
  if (unknown.length > 0) {
    throw new SetupError(`Expected suites among ${SUITES.join(', ')}; got '${unknown.join("', '")}'`);
  }
  if (values.json && positionals.length === 0) throw new SetupError(`Expected --json with a suite: ${USAGE}`);
  if (values.minutes !== undefined && !positionals.includes('soak')) {
    throw new SetupError(`Expected --minutes with the suite soak: ${USAGE}`);
  }
  const options =
    values.minutes === undefined ? {} : { minutes: wholeNumber('minutes', values.minutes, { from: 1, to: 1_440 }) };
  await setUp();
  if (values.render) return render();
  for (const suite of positionals) {
    const report = await runSuite(suite, options);
    process.stdout.write(`${formatReport(report)}\n`);
    if (values.json) process.stdout.write(`${JSON.stringify(report)}\n`);
  }
  if (positionals.length > 0) return;
  /** @type {string[]} */
  const failed = [];
  for (const suite of SUITES) {
    try {
      const report = await runSuite(suite);
      process.stdout.write(`${formatReport(report)}\n\n`);
      keepResult(report);
    } catch (error) {
      // The others are worth their hour; what was measured of this one before stays.
      process.stderr.write(`bench: ${suite} failed: ${inspect(error)}\n`);
      failed.push(suite);
    }
  }
  await render();
  if (failed.length > 0) throw new SetupError(`Expected all suites to end well; ${failed.join(', ')} did not`);
});
// Threads of a suite that has failed would keep it.
process.exit();
