/**
 * `npm run chaos -- --minutes N [--seed S] [--keep]`: all that a supervisor has, in real threads, killed in every way, with
 * servers and stores that fail, and clocks that step. The last line has the figures; each that should be 0 and is not makes
 * the exit status 1. See docs/explanation/proof.md.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { inspect } from 'node:util';
import { endRunning, runBounded } from './bounded.mjs';
import { readOptions, wholeNumber } from './options.mjs';
import { ROOT, runMain, SetupError, setUp } from './setup.mjs';

const USAGE =
  'npm run chaos -- [--minutes N] [--seed S] [--keep]: for N minutes, 1 if not said; --keep leaves its records there';
/** A week: no timer can be set for four. */
const MOST_MINUTES = 7 * 24 * 60;

/** For the start of all servers, the judgement of what was recorded, which grows with it, and a machine that is busy. */
const GRACE_MS = 240_000;
const GRACE_A_MINUTE_MS = 15_000;

/** @type {{ path: string, keep: boolean } | undefined} */
let folder;

const clear = () => {
  if (!folder) return;
  if (folder.keep) process.stderr.write(`chaos: the records are in ${folder.path}\n`);
  else rmSync(folder.path, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  folder = undefined;
};

/** @type {NodeJS.Signals[]} */
const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
for (const signal of signals) {
  process.on(signal, () => {
    endRunning();
    clear();
    process.exit(130);
  });
}

await runMain(async () => {
  const values = readOptions(USAGE, {
    minutes: { type: 'string' },
    seed: { type: 'string' },
    keep: { type: 'boolean' },
  });
  const minutes = Number(values.minutes ?? 1);
  if (!(minutes >= 0.5 && minutes <= MOST_MINUTES)) {
    throw new SetupError(`Expected --minutes to be from 0.5 to ${MOST_MINUTES}, got ${inspect(values.minutes)}`);
  }
  const seed = wholeNumber('seed', values.seed ?? String(Math.floor(Math.random() * 1e6)), {
    from: 0,
    to: 2 ** 32 - 1,
  });
  await setUp();
  folder = { path: mkdtempSync(path.join(tmpdir(), 'tokenvisor-chaos-')), keep: values.keep ?? false };
  try {
    const limitMs = minutes * (60_000 + GRACE_A_MINUTE_MS) + GRACE_MS;
    const main = path.join(ROOT, 'test/chaos/main.mjs');
    const args = ['--expose-gc', main, String(minutes * 60), String(seed), folder.path];
    const problem = await runBounded(process.execPath, args, { cwd: ROOT, limitMs });
    if (!problem) return;
    process.exitCode = 1;
    // It has told its figures itself if it has come to its end.
    if (problem !== 'exit code 2') {
      process.stdout.write(`chaos: ${minutes * 60} s, seed ${seed}: ${problem}: FAILED\n`);
    }
  } finally {
    clear();
  }
});
