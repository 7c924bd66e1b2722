/**
 * Programs that may not outlive their time, nor leave processes behind: each is run as a process group of its own.
 */
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** How long a group may take to end once its first process has. */
const GRACE_MS = 1_000;

/** @type {Set<number>} */
const running = new Set();

/** @param {number} group @returns {boolean} whether there was any process in it */
const signalGroup = (group, signal = /** @type {NodeJS.Signals | 0} */ ('SIGKILL')) => {
  try {
    process.kill(-group, signal);
    return true;
  } catch {
    return false;
  }
};

/** @param {string} file */
const textOf = (file) => {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
};

/**
 * The commands that a group still runs. One that has ended is none, though nobody has asked yet what became of it: where
 * its parent was a thread that was killed, or is gone, that is for the system's first process. Linux tells them apart.
 *
 * @param {number} group @returns {string[]}
 */
const commandsIn = (group) => {
  if (process.platform !== 'linux') return signalGroup(group, 0) ? ['a process'] : [];
  const ids = readdirSync('/proc').filter((name) => /^[0-9]+$/.test(name));
  return ids.flatMap((id) => {
    // After the name, which may have spaces: state, parent, group.
    const [state, , of] = textOf(`/proc/${id}/stat`).split(') ').at(-1)?.split(' ') ?? [];
    if (Number(of) !== group || state === 'Z') return [];
    return [textOf(`/proc/${id}/cmdline`).replaceAll('\0', ' ').trim().slice(0, 200) || id];
  });
};

/** Ends all that is running: for a runner that is interrupted. */
export const endRunning = () => {
  for (const group of running) signalGroup(group);
};

/** Colours for a terminal only: some tools give them to CI as well. */
const colours = () => (process.stdout.isTTY || process.env['FORCE_COLOR'] ? {} : { NO_COLOR: '1' });

/**
 * Runs a program with our output as its own.
 *
 * @param {string} command @param {string[]} args
 * @param {{ cwd: string, limitMs: number, env?: Record<string, string> | undefined }} options
 * @returns {Promise<string | undefined>} what went wrong, if anything did
 */
export const runBounded = async (command, args, { cwd, limitMs, env }) => {
  const child = spawn(command, args, {
    cwd,
    env: { ...process.env, ...colours(), ...env },
    detached: true,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const group = child.pid;
  /** @type {Promise<string | undefined>} */
  const ended = new Promise((resolve) => {
    child.on('error', (error) => resolve(`could not be run: ${error.message}`));
    child.on('exit', (code, signal) => {
      if (signal) resolve(`ended by ${signal}`);
      else resolve(code === 0 ? undefined : `exit code ${code}`);
    });
  });
  if (group === undefined) return ended;
  running.add(group);
  const timeout = new AbortController();
  const timer = setTimeout(() => {
    timeout.abort();
    signalGroup(group);
  }, limitMs);
  const problem = await ended;
  clearTimeout(timer);
  for (let waited = 0; waited < GRACE_MS && commandsIn(group).length > 0; waited += 50) await sleep(50);
  const left = commandsIn(group);
  signalGroup(group);
  running.delete(group);
  if (timeout.signal.aborted) return `not done after ${limitMs / 1_000} s`;
  return problem ?? (left.length > 0 ? `left processes behind: ${left.join('; ')}` : undefined);
};
