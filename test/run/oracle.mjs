/**
 * `npm run oracle -- --seed N [--count M] [--write]` has OTP's own supervisor run M random schedules (200 if not said),
 * plays them to our supervision core, and prints every difference. With `--number K`, only that schedule is played and
 * told in full. With `--write`, the schedules become the fixtures of the tests.
 *
 * It needs Erlang (`escript`), which the tests do not.
 */
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { inspect } from 'node:util';
import { installFromDebian } from './debian.mjs';
import { readOptions, wholeNumber } from './options.mjs';
import { ROOT, SCRATCH, SetupError, runMain, setUp } from './setup.mjs';
import { importTypeScript } from './typescript.mjs';

const GENERATOR = path.join(ROOT, 'test/oracle/otp-oracle.escript');

/** @param {string} line */
const print = (line) => void process.stdout.write(`${line}\n`);

const USAGE = 'npm run oracle -- --seed N [--count M] [--write], or --seed N --number K';

const readArguments = () => {
  const values = readOptions(USAGE, {
    seed: { type: 'string' },
    count: { type: 'string' },
    number: { type: 'string' },
    write: { type: 'boolean' },
  });
  if (values.seed === undefined) throw new SetupError(`Expected ${USAGE}`);
  if (values.number !== undefined && (values.count !== undefined || values.write)) {
    throw new SetupError(`Expected --number without --count and --write: ${USAGE}`);
  }
  const seed = wholeNumber('seed', values.seed, { from: 0 });
  const number = values.number === undefined ? undefined : wholeNumber('number', values.number, { from: 1 });
  // A schedule is drawn from the seed and its number alone, so a later one costs no earlier ones but their time.
  const count = number ?? wholeNumber('count', values.count ?? '200', { from: 1 });
  return { seed, count, number, write: values.write ?? false };
};

const hasErlang = () => spawnSync('escript', ['-h'], { stdio: 'ignore' }).error === undefined;

const installErlang = () => {
  const missing = installFromDebian('erlang-base', hasErlang);
  if (missing !== undefined) throw new SetupError(`The oracle is OTP's own supervisor. ${missing}`);
};

/** @type {NodeJS.Signals[]} */
const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/** @param {number} seed @param {number} count @returns {Promise<string>} what the generator prints */
const generate = (seed, count) =>
  new Promise((resolve, reject) => {
    const child = spawn('escript', [GENERATOR, String(seed), String(count)], { stdio: ['ignore', 'pipe', 'inherit'] });
    for (const signal of signals) {
      process.on(signal, () => {
        child.kill('SIGKILL');
        process.exit(130);
      });
    }
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (chunk) => void (output += chunk));
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0) resolve(output);
      else reject(new SetupError(`${path.relative(ROOT, GENERATOR)} ${seed} ${count} ended with exit code ${code}`));
    });
  });

/** @param {unknown} value */
const show = (value) => inspect(value, { depth: null, breakLength: 120 });

/** @typedef {import('../oracle/schedules.js').Schedule} Schedule */

/**
 * @param {Schedule} schedule
 * @param {import('../oracle/replay.js').Difference | { error: unknown }} difference
 * @param {number} seed
 */
const printDifference = (schedule, difference, seed) => {
  print(`\nseed ${seed}, schedule ${schedule.number}: ours is not what OTP did`);
  if ('error' in difference) print(show(difference.error));
  else {
    print(`  batch ${difference.batch}: ${show(difference.messages)}`);
    print(`  OTP:  ${show(difference.otp)}`);
    print(`  ours: ${show(difference.ours)}`);
  }
  print(`  to see it again: npm run oracle -- --seed ${seed} --number ${schedule.number}`);
};

await runMain(async () => {
  const { seed, count, number, write } = readArguments();
  await setUp({ dist: false });
  installErlang();
  const { firstDifference } = await importTypeScript('test/oracle/replay.ts');
  const { countKinds } = await importTypeScript('test/oracle/kinds.ts');
  const { FIXTURES, readRecording } = await importTypeScript('test/oracle/schedules.ts');

  mkdirSync(SCRATCH, { recursive: true });
  const file = path.join(SCRATCH, `otp-schedules-${seed}.json`);
  writeFileSync(file, await generate(seed, count));
  /** @type {import('../oracle/schedules.js').Recording} */
  const { otp, schedules } = readRecording(file);
  const played = number === undefined ? schedules : schedules.filter((schedule) => schedule.number === number);

  let differences = 0;
  for (const schedule of played) {
    let difference;
    try {
      difference = firstDifference(schedule);
    } catch (error) {
      difference = { error };
    }
    if (!difference) continue;
    differences += 1;
    printDifference(schedule, difference, seed);
  }
  if (number !== undefined) print(`\n${show(played)}`);
  else if (differences === 0) {
    for (const [kind, times] of countKinds(schedules)) print(`${String(times).padStart(6)}  ${kind}`);
  }
  if (write && number === undefined) {
    writeFileSync(path.join(ROOT, FIXTURES), readFileSync(file));
    print(`wrote ${FIXTURES}`);
  }
  print(`${played.length} schedules of seed ${seed} against OTP ${otp}: ${differences} differences`);
  process.exitCode = differences > 0 ? 1 : 0;
});
