/**
 * A process beside a run that does to it what it can't do to itself: stops it and lets it go on, gives it a quota of the
 * processors, takes them for itself, and lets go the zombies. When the run has ended it takes back what is left of that, and
 * ends as well.
 */
import { execFileSync } from 'node:child_process';
import { closeSync, constants, openSync, rmSync, writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { monoMs } from './ground.mjs';
import { Quota } from '../support/quota.mjs';

const run = process.ppid;
/** @type {Quota | undefined} */
let quota;
/** @type {number | undefined} */
let pipe;

/** @param {() => void} begin @param {() => void} end @param {number} ms */
const during = async (begin, end, ms) => {
  const fromMonoMs = monoMs();
  begin();
  try {
    await sleep(ms);
  } finally {
    end();
  }
  return { fromMonoMs, toMonoMs: monoMs() };
};

/** @type {Record<string, (request: any) => unknown>} */
const requests = {
  /** Whether the machine lets a quota be set: why not, if it does not. */
  admit: () => {
    try {
      quota = new Quota(run);
      return undefined;
    } catch (error) {
      return /** @type {Error} */ (error).message;
    }
  },
  stop: ({ ms }) =>
    during(
      () => process.kill(run, 'SIGSTOP'),
      () => process.kill(run, 'SIGCONT'),
      ms,
    ),
  quota: ({ cores, ms }) =>
    during(
      () => quota?.set(cores),
      () => quota?.set(undefined),
      ms,
    ),
  loops: ({ count, ms }) => {
    /** @type {Worker[]} */
    const loops = [];
    return during(
      () => loops.push(...Array.from({ length: count }, () => new Worker('for (;;);', { eval: true }))),
      () => loops.forEach((loop) => void loop.terminate()),
      ms,
    );
  },
  /** A pipe that the next zombie opens. */
  makePipe: ({ file }) => {
    rmSync(file, { force: true });
    execFileSync('mkfifo', ['-m', '600', file]);
    pipe = openSync(file, constants.O_RDWR);
  },
  /** Lets the zombie go that has opened it. */
  release: async ({ ms }) => {
    const held = pipe;
    pipe = undefined;
    await sleep(ms);
    if (held === undefined) return;
    writeSync(held, '.');
    closeSync(held);
  },
};

process.on('message', async (/** @type {any} */ { id, kind, ...request }) => {
  try {
    process.send?.({ id, value: await requests[kind]?.(request) });
  } catch (error) {
    process.send?.({ id, error: String(error) });
  }
});
process.on('disconnect', () => {
  quota?.remove();
  process.exit();
});
