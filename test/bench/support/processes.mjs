/** Processes of the suites, each a file *-process.mjs: it has its options as JSON, and tells what it saw in messages. */
import { fork } from 'node:child_process';
import { on } from 'node:events';
import { fileURLToPath } from 'node:url';

/** @type {Set<import('node:child_process').ChildProcess>} */
const running = new Set();

/** Has it ended with the rest, if a suite fails or is interrupted. @template {import('node:child_process').ChildProcess} T @param {T} child */
export const follow = (child) => {
  running.add(child);
  child.once('exit', () => running.delete(child));
  return child;
};

/** Ends those that a suite has left behind. */
export const endProcesses = () => {
  for (const child of running) child.kill('SIGKILL');
};

/**
 * @param {string} name `hostile` is that of hostile-process.mjs
 * @param {object} options
 * @param {number} boundMs one that takes longer hangs, and is killed
 */
export const startProcess = (name, options, boundMs) => {
  const file = fileURLToPath(new URL(`./${name}-process.mjs`, import.meta.url));
  const child = follow(
    fork(file, [JSON.stringify(options)], { execArgv: ['--expose-gc'], timeout: boundMs, killSignal: 'SIGKILL' }),
  );
  // By its queue: two messages may come in one turn, and the last one together with the end.
  const messages = on(child, 'message', { close: ['close'] });
  /** @type {Promise<void>} */
  const ended = new Promise((resolve) => child.once('close', () => resolve()));
  return {
    /** What it tells next. @returns {Promise<any>} */
    hear: async () => {
      const { done, value } = await messages.next();
      if (!done) return value[0];
      const end = child.signalCode ?? child.exitCode;
      throw new Error(
        `Expected the ${name} process to tell what it saw, got its end (${end}): ${JSON.stringify(options)}`,
      );
    },
    stop: () => void child.send('stop'),
    ended,
  };
};

/** What a process tells that tells one thing. @param {Parameters<typeof startProcess>} given @returns {Promise<any>} */
export const runProcess = async (...given) => {
  const { hear, ended } = startProcess(...given);
  const told = await hear();
  await ended;
  return told;
};
