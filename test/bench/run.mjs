/**
 * `npm run bench -- SUITE [--json]`: runs test/bench/suites/SUITE.mjs and prints its table; with `--json` the last
 * line is one JSON object. A figure that misses its bar is told, and does not make the command fail: figures of a
 * busy machine are no test.
 */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { ROOT, SetupError, runMain, setUp } from '../run/setup.mjs';
import { createHarness } from './harness.mjs';
import { formatReport } from './report.mjs';

const SUITES = path.join(ROOT, 'test/bench/suites');

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
  piscina: versionIn('node_modules/piscina/package.json'),
  comlink: versionIn('node_modules/comlink/package.json'),
});

await runMain(async () => {
  const { values, positionals } = parseArgs({ options: { json: { type: 'boolean' } }, allowPositionals: true });
  const [suite] = positionals;
  const suites = existsSync(SUITES) ? readdirSync(SUITES).filter((file) => file.endsWith('.mjs')) : [];
  if (suite === undefined || !suites.includes(`${suite}.mjs`)) {
    const names = suites.map((file) => file.slice(0, -'.mjs'.length)).join(', ');
    throw new SetupError(`Expected a suite among ${names || '(there are none)'}; got '${suite ?? ''}'`);
  }
  await setUp();
  /** @type {{ run: (harness: import('./harness.mjs').Harness) => Promise<void> }} */
  const { run } = await import(pathToFileURL(path.join(SUITES, `${suite}.mjs`)).href);
  const harness = createHarness({ progress: (line) => process.stderr.write(`bench: ${line}\n`) });
  await run(harness);
  const report = { suite, machine: machine(), versions: versions(), ...harness.results() };
  process.stdout.write(`${formatReport(report)}\n`);
  if (values.json) process.stdout.write(`${JSON.stringify(report)}\n`);
});
