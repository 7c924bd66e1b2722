/**
 * One of many processes that want the same lock: takes it, makes sure that it is alone, and dies with it now and then.
 * Usage: node lock-contender.mjs FOLDER OWNER ROUNDS; exit 3: two had the lock at once.
 */
import { appendFileSync, closeSync, openSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../../../dist/core/clock.js';
import { FileLock } from '../../../dist/fs/file-lock.js';
import { machineFs } from '../../../dist/fs/files.js';

const [folder = '', owner = '', rounds = '1'] = process.argv.slice(2);
const path = join(folder, 'token.json');
const marker = join(folder, 'marker');

for (let round = 0; round < Number(rounds);) {
  const lock = new FileLock({ path, owner: `${owner}-${process.pid}-${round}`, clock: systemClock, fs: machineFs });
  try {
    lock.acquire();
  } catch (error) {
    if (/** @type {{ code?: string }} */ (error).code !== 'STORE_LOCKED') throw error;
    await new Promise((resolve) => setImmediate(resolve));
    continue;
  }
  round += 1;
  try {
    closeSync(openSync(marker, 'wx'));
  } catch {
    process.exit(3);
  }
  appendFileSync(join(folder, 'log'), '.');
  unlinkSync(marker);
  if (round === Number(rounds)) process.kill(process.pid, 'SIGKILL'); // With the lock in its hands.
  lock.release();
}
