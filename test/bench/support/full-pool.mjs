import { pbkdf2 } from 'node:crypto';

/** So many wait for one of the four threads at all times. */
const JOBS = 16;

/**
 * Keeps libuv's pool full until it is told to empty it.
 *
 * @param {{ iterations: number }} job how long one takes
 * @returns {() => Promise<void>}
 */
export const fillPool = ({ iterations }) => {
  let full = true;
  const jobs = Array.from({ length: JOBS }, async () => {
    while (full) await new Promise((done) => pbkdf2('fake', 'salt', iterations, 64, 'sha512', done));
  });
  return async () => {
    full = false;
    await Promise.all(jobs);
  };
};
