/**
 * `npm test` runs every step but `long`, and reports all of them; `npm test -- unit threads` runs those two. `threads:snapshot`
 * runs the files of a step whose path has `snapshot` in it, and may be given more than once. The last line is
 * `N passed, N failed`.
 */
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { inspect } from 'node:util';
import { endRunning, runBounded } from './bounded.mjs';
import { ROOT, SCRATCH, SetupError, setUp } from './setup.mjs';
import { STEPS } from './steps.mjs';

/** @typedef {import('./steps.mjs').Step} Step */
/** @typedef {{ passed: number, failed: number, skipped: number, note?: string }} Outcome */

/** @param {string} line */
const print = (line) => void process.stdout.write(`${line}\n`);

/** @param {number} ms */
const seconds = (ms) => `${(ms / 1_000).toFixed(1)} s`;

/** @param {Outcome} outcome */
const inWords = ({ passed, failed, skipped, note }) =>
  [
    ...(passed + failed + skipped > 0 ? [`${passed} passed, ${failed} failed`] : []),
    ...(skipped > 0 ? [`${skipped} skipped`] : []),
    ...(note ? [note] : []),
  ].join('; ');

/** @param {string[]} args @returns {{ step: Step, only: string[] }[]} `only`: parts of paths; none for all files */
const select = (args) => {
  if (args.length === 0) return STEPS.filter(({ onlyByName }) => !onlyByName).map((step) => ({ step, only: [] }));
  const wanted = args.map((arg) => {
    const [name = '', only = ''] = arg.split(':', 2);
    return { name, only };
  });
  const unknown = wanted.map(({ name }) => name).filter((name) => !STEPS.some((step) => step.name === name));
  if (unknown.length > 0) {
    const names = STEPS.map((step) => step.name).join(', ');
    throw new SetupError(`Expected steps among ${names}; got ${unknown.map((name) => `'${name}'`).join(', ')}`);
  }
  return STEPS.flatMap((step) => {
    const parts = wanted.filter(({ name }) => name === step.name).map(({ only }) => only);
    if (parts.length === 0) return [];
    return [{ step, only: parts.includes('') ? [] : parts }];
  });
};

/** @param {string[]} command @param {number} limitMs @param {Record<string, string>} [env] */
const runTool = ([tool = '', ...args], limitMs, env) =>
  runBounded(tool === 'node' ? process.execPath : path.join(ROOT, 'node_modules/.bin', tool), args, {
    ...{ cwd: ROOT, limitMs, env },
  });

/** @param {Step} step @returns {Promise<Outcome>} */
const runCommands = async ({ commands = [], limitMs, isTest }) => {
  const notes = [];
  for (const command of commands) {
    const problem = await runTool(command, limitMs);
    if (problem) notes.push(`${command[0]}: ${problem}`);
  }
  if (notes.length === 0) return { passed: isTest ? 1 : 0, failed: 0, skipped: 0, note: 'ok' };
  return { passed: 0, failed: 1, skipped: 0, note: notes.join(', ') };
};

/**
 * The counts of a vitest run. What failed outside of any test (a file that does not load, an unhandled rejection, no
 * test at all) counts as well.
 *
 * @param {string} reportFile @param {string | undefined} problem
 * @returns {Outcome}
 */
const readCounts = (reportFile, problem) => {
  const failing = { passed: 0, failed: 1, skipped: 0, note: problem ?? 'vitest left no report' };
  if (!existsSync(reportFile)) return failing;
  const report = JSON.parse(readFileSync(reportFile, 'utf8'));
  const passed = report.numPassedTests;
  const skipped = report.numPendingTests + report.numTodoTests;
  /** @type {{ status: string, assertionResults: { status: string }[] }[]} */
  const files = report.testResults;
  const brokenFiles = files.filter(
    (file) => file.status === 'failed' && !file.assertionResults.some((each) => each.status === 'failed'),
  );
  const failed = report.numFailedTests + brokenFiles.length;
  if (problem && failed === 0) return { passed, failed: 1, skipped, note: problem };
  return { passed, failed, skipped };
};

/** @param {Step} step @param {string[]} only @returns {Promise<Outcome>} */
const runProject = async ({ name, project = '', limitMs }, only) => {
  if (!existsSync(path.join(ROOT, 'test', name))) return { passed: 0, failed: 0, skipped: 0, note: 'no tests yet' };
  const reportFile = path.join(SCRATCH, `report-${name}-${process.pid}.json`);
  const args = ['run', '--config', 'test/vitest.config.ts', '--project', project];
  try {
    const problem = await runTool(['vitest', ...args, ...only], limitMs, {
      TOKENVISOR_TEST_REPORT: reportFile,
    });
    return readCounts(reportFile, problem);
  } finally {
    rmSync(reportFile, { force: true });
  }
};

/** @param {{ name: string, outcome: Outcome, ms: number }[]} results */
const printSummary = (results) => {
  print('');
  for (const { name, outcome, ms } of results) {
    print(`${outcome.failed > 0 ? 'FAIL' : 'ok  '}  ${name.padEnd(9)} ${seconds(ms).padStart(8)}  ${inWords(outcome)}`);
  }
};

const main = async () => {
  const selected = select(process.argv.slice(2));
  const results = [];
  const { buildErrors } = await setUp({ dist: selected.some(({ step }) => step.dist), tolerant: true });
  mkdirSync(SCRATCH, { recursive: true });
  if (buildErrors) {
    print(`\nbuild: failed\n${buildErrors}`);
    results.push({ name: 'build', outcome: { passed: 0, failed: 1, skipped: 0, note: 'see above' }, ms: 0 });
  }
  for (const { step, only } of selected) {
    print(`\n${step.name}: ${step.does}`);
    const startedAt = performance.now();
    const outcome = step.commands ? await runCommands(step) : await runProject(step, only);
    const ms = performance.now() - startedAt;
    print(`${step.name}: ${inWords(outcome)} (${seconds(ms)})`);
    results.push({ name: step.name, outcome, ms });
  }
  printSummary(results);
  return results.map(({ outcome }) => outcome);
};

/** @type {NodeJS.Signals[]} */
const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
for (const signal of signals) {
  process.on(signal, () => {
    endRunning();
    process.exit(130);
  });
}

/** @type {Pick<Outcome, 'passed' | 'failed'>[]} */
let outcomes;
try {
  outcomes = await main();
} catch (error) {
  process.stderr.write(`${error instanceof SetupError ? `setup: ${error.message}` : inspect(error)}\n`);
  outcomes = [{ passed: 0, failed: 1 }];
}
const passed = outcomes.reduce((sum, outcome) => sum + outcome.passed, 0);
const failed = outcomes.reduce((sum, outcome) => sum + outcome.failed, 0);
print(`${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;
