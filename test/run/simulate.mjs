/**
 * `npm run simulate -- --seeds N [--from S]`: the credential's core against the hostile server's, on a simulated clock.
 * Its verdict is the last line. `--keep NAME` keeps what is drawn from a seed, `--kept NAME` runs it again.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { readKept, writeKept } from '../simulator/kept-worlds.mjs';
import { readOptions, wholeNumber } from './options.mjs';
import { runMain, setUp, SetupError } from './setup.mjs';
import { importTypeScript } from './typescript.mjs';

const USAGE =
  'npm run simulate -- [--seeds N] [--from S] [--keep NAME] [--kept NAME]: N scenarios from seed S on; 400 from 1 if nothing is said; ' +
  '--keep, of one seed, keeps what it draws as test/simulator/kept/NAME.json; --kept runs that again';

/** @type {string | undefined} the folders of the scenarios, so that one that is interrupted leaves nothing behind */
let folder;
process.on('exit', () => folder && rmSync(folder, { recursive: true, force: true }));
/** @type {NodeJS.Signals[]} */
const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
for (const signal of signals) process.on(signal, () => process.exit(130));

/** @param {number} value */
const count = (value) => value.toLocaleString('en');

await runMain(async () => {
  const string = /** @type {const} */ ({ type: 'string' });
  const values = readOptions(USAGE, { seeds: string, from: string, keep: string, kept: string });
  const kept = values.kept === undefined ? undefined : readKept(values.kept);
  const seeds = kept ? 1 : wholeNumber('seeds', values.seeds ?? '400', { from: 1 });
  const from = kept ? kept.seed : wholeNumber('from', values.from ?? '1', { from: 0, to: 2 ** 32 - 1 });
  if (values.keep !== undefined && seeds > 1) throw new SetupError('Expected --keep with one seed: --seeds 1 --from S');
  await setUp({ dist: false });
  const { Coverage, describeFailure, runKept, runSeed } = await importTypeScript('test/simulator/index.ts');
  folder = mkdtempSync(path.join(tmpdir(), 'tokenvisor-simulate-'));
  process.env['TMPDIR'] = folder;
  const coverage = new Coverage();
  const beganAtMs = performance.now();
  let [steps, violations] = [0, 0];
  for (let seed = from; seed < from + seeds; seed += 1) {
    // A run may never leave the microtasks: here a signal is heard.
    await setImmediate();
    const run = await (kept ? runKept(kept, { coverage }) : runSeed(seed, { coverage }));
    steps += run.steps;
    const { failure } = run;
    if (failure) console.log(describeFailure(failure));
    if (kept)
      console.log(`  of its draws ${count(run.left)} were not asked for, ${count(run.anew)} were drawn beyond them`);
    if (values.keep !== undefined) {
      const violated = failure ? `${failure.invariant}: ${failure.what}` : '';
      console.log(`  kept as ${await writeKept(values.keep, { seed, violated, because: '', draws: run.draws })}`);
    }
    if (!failure) continue;
    violations += 1;
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
  console.log(`  ${count(Math.round(steps / seconds))} steps a second`);
  console.log(`simulate: ${count(seeds)} seeds, ${count(steps)} steps, ${count(violations)} violations`);
  process.exitCode = violations > 0 ? 1 : 0;
});
