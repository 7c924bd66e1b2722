/** libuv's pool of threads, which the whole process shares, kept full. */
import { pbkdf2 } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { afterTest, eventually } from './supervised.js';

/**
 * Sixteen jobs of some tenths of a second for the four threads of libuv's pool, replaced as they end; and one more thing
 * for the pool to do, which has its turn after them.
 */
export const fillPool = (): { canaryWaits: () => boolean } => {
  let running = true;
  let pending = 0;
  let waits = true;
  const job = (): void => {
    pending += 1;
    pbkdf2('password', 'salt', 300_000, 64, 'sha512', () => {
      pending -= 1;
      if (running) job();
    });
  };
  for (let jobs = 0; jobs < 16; jobs += 1) job();
  void stat('.').then(() => (waits = false));
  afterTest(async () => {
    running = false;
    await eventually('the last job', () => pending === 0);
  });
  return { canaryWaits: () => waits };
};
