/**
 * Loaded into each actor's thread before the actor, by its `execArgv`: gives it the clock of the run, has it die on
 * demand, and writes each turn of its refresh loop to a file of the thread's own, at once, so that a thread that is killed
 * leaves all but, at most, the end of its last record.
 */
import { subscribe } from 'node:diagnostics_channel';
import { openSync, writeSync } from 'node:fs';
import path from 'node:path';
import { serialize } from 'node:v8';
import { threadId } from 'node:worker_threads';
import { obeyOrders } from './deaths.mjs';
import { findGround, takeClock } from './ground.mjs';

/** @param {number} index of the child's orders @param {string} name */
export const record = (index, name) => {
  const { words, folder } = findGround();
  takeClock(words);
  obeyOrders(words, index);
  /** @type {number | undefined} */
  let file;
  subscribe('tokenvisor:refresh', (turn) => {
    file ??= openSync(path.join(folder, `${name}.${threadId}.turns`), 'a', 0o600);
    const bytes = serialize(turn);
    const record = Buffer.allocUnsafe(4 + bytes.length);
    record.writeUInt32LE(bytes.length, 0);
    record.set(bytes, 4);
    writeSync(file, record);
  });
};
