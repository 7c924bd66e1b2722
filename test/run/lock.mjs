/**
 * A lock between processes: a file that names its holder. Of a holder that is gone, the lock is taken over.
 */
import { randomUUID } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const POLL_MS = 50;
/** No set-up takes as long as this: an older lock is one whose holder can't be asked (another host, a reused id). */
const LONGEST_MS = 30 * 60_000;

/** @param {unknown} error */
const codeOf = (error) => /** @type {{ code?: string }} */ (error)?.code;

/** @param {string} file @param {string} content @returns {boolean} false if the file is there already */
const create = (file, content) => {
  try {
    writeFileSync(file, content, { flag: 'wx' });
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  }
};

/** @param {string} file @returns {string | undefined} */
const read = (file) => {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
};

/** @param {number} pid */
const isAlive = (pid) => {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) === 'EPERM';
  }
};

/** @param {string} file @param {string} holder */
const isAbandoned = (file, holder) => {
  const [pid, host] = holder.split(' ');
  try {
    if (Date.now() - statSync(file).mtimeMs > LONGEST_MS) return true;
  } catch {
    return false;
  }
  return host === os.hostname() && !isAlive(Number(pid));
};

/**
 * Takes an abandoned lock away. Two processes may try at once: the one that finds that it has moved another's new
 * lock puts it back.
 *
 * @param {string} file @param {string} holder
 */
const takeAway = (file, holder) => {
  const aside = `${file}.${randomUUID()}`;
  try {
    renameSync(file, aside);
  } catch {
    return;
  }
  const moved = read(aside);
  if (moved !== undefined && moved !== holder) create(file, moved);
  rmSync(aside, { force: true });
};

/**
 * Runs `work` while no other process runs one under the same `file`.
 *
 * @template T
 * @param {string} file
 * @param {{ waiting?: () => void }} options `waiting` is called once, if the lock is another's
 * @param {() => Promise<T> | T} work
 * @returns {Promise<T>}
 */
export const withLock = async (file, { waiting }, work) => {
  mkdirSync(path.dirname(file), { recursive: true });
  const holder = `${process.pid} ${os.hostname()} ${randomUUID()}`;
  let told = false;
  while (!create(file, holder)) {
    const other = read(file);
    if (other !== undefined && isAbandoned(file, other)) {
      takeAway(file, other);
      continue;
    }
    if (!told) waiting?.();
    told = true;
    await sleep(POLL_MS);
  }
  try {
    return await work();
  } finally {
    if (read(file) === holder) rmSync(file, { force: true });
  }
};
