/**
 * `npm run simulate -- --seeds N [--from S]`: the credential's core against the hostile server's, on a simulated clock.
 * Its verdict is the last line.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { readOptions, wholeNumber } from './options.mjs';
import { runMain, setUp } from './setup.mjs';
import { importTypeScript } from './typescript.mjs';

const USAGE = 'npm run simulate -- [--seeds N] [--from S]: N scenarios from seed S on; 400 from 1 if nothing is said';

/** @type {string | undefined} the folders of the scenarios, so that one that is interrupted leaves nothing behind */
let folder;
process.on('exit', () => folder && rmSync(folder, { recursive: true, force: true }));
/** @type {NodeJS.Signals[]} */
const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
for (const signal of signals) process.on(signal, () => process.exit(130));

await runMain(async () => {
  const values = readOptions(USAGE, { seeds: { type: 'string' }, from: { type: 'string' } });
  const seeds = wholeNumber('seeds', values.seeds ?? '400', { from: 1 });
  const from = wholeNumber('from', values.from ?? '1', { from: 0, to: 2 ** 32 - 1 });
  await setUp({ dist: false });
  const { Coverage, describeFailure, runSeed } = await importTypeScript('test/simulator/index.ts');
  folder = mkdtempSync(path.join(tmpdir(), 'tokenvisor-simulate-'));
  process.env['TMPDIR'] = folder;
  const coverage = new Coverage();
  const beganAtMs = performance.now();
  let [steps, violations] = [0, 0];
  for (let seed = from; seed < from + seeds; seed += 1) {
    // A run may never leave the microtasks: here a signal is heard.
    await setImmediate();
    const run = await runSeed(seed, { coverage });
    steps += run.steps;
    if (!run.failure) continue;
    violations += 1;
    console.log(describeFailure(run.failure));
    if (violations === 10) break;
  }
  for (const line of coverage.lines()) console.log(line);
  const { mean, count: drawn } = coverage.jitter;
  console.log(`  full jitter: ${mean.toFixed(2)} of the longest back-off on the average, of ${drawn} that were drawn`);
  if (drawn >= 150 && Math.abs(mean - 0.5) > 0.1) {
    violations += 1;
    console.log('violates "full jitter": it draws a half of the longest on the average');
  }
  const seconds = (performance.now() - beganAtMs) / 1_000;
  console.log(`  ${Math.round(steps / seconds).toLocaleString('en')} steps a second`);
  const count = (/** @type {number} */ value) => value.toLocaleString('en');
  console.log(`simulate: ${count(seeds)} seeds, ${count(steps)} steps, ${count(violations)} violations`);
  process.exitCode = violations > 0 ? 1 : 0;
});
