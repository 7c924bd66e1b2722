/** What a busy or frozen machine does to a process that a test has started: a quota, loops beside it, a stop. */
import { execFileSync, spawn } from 'node:child_process';
import { Quota } from './quota.mjs';

/** Why no quota can be set here; undefined if it can. */
export const noQuota = () => {
  const child = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 10_000)'], { stdio: 'ignore' });
  try {
    new Quota(child.pid ?? 0).remove();
    return undefined;
  } catch (error) {
    return /** @type {Error} */ (error).message;
  } finally {
    child.kill('SIGKILL');
  }
};

/** Processes that take all that they can of a processor. @param {number} count @param {number} [core] the only one they may use */
export const loops = (count, core) => {
  const code = 'setTimeout(() => process.exit(), 600_000).unref(); for (;;);';
  const all = Array.from({ length: count }, () => spawn(process.execPath, ['-e', code], { stdio: 'ignore' }));
  if (core !== undefined) for (const { pid } of all) pin(pid ?? 0, core);
  return { end: () => all.forEach((child) => child.kill('SIGKILL')) };
};

/** Has a process, with all of its threads, use one core only. @param {number} pid @param {number} core */
export const pin = (pid, core) => void execFileSync('taskset', ['-a', '-c', '-p', String(core), String(pid)]);

/** Why no process can be pinned here; undefined if it can. */
export const noPin = () => {
  try {
    pin(process.pid, 0);
    execFileSync('taskset', ['-a', '-p', 'ffffffff', String(process.pid)]);
    return undefined;
  } catch (error) {
    return /** @type {Error} */ (error).message;
  }
};

/** Stops a process for so long. @param {import('node:child_process').ChildProcess} child @param {number} ms */
export const freeze = async (child, ms) => {
  child.kill('SIGSTOP');
  try {
    await new Promise((resolve) => void setTimeout(resolve, ms));
  } finally {
    child.kill('SIGCONT');
  }
};
