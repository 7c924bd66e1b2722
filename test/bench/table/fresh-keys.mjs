import { numbersBelow, SAMPLE, uuidOf } from './keys.mjs';

const LENGTH = 36;
const AT_ONCE = 10_000;

/**
 * Uuids as they come from a socket: a string that was made just now, in no order. Making it is not timed.
 *
 * @param {number} entries @param {number} first @param {string} [prefix]
 */
export const freshKeys = (entries, first, prefix = '') => {
  const length = prefix.length + LENGTH;
  const bytes = Buffer.alloc(SAMPLE * length);
  const next = numbersBelow(entries);
  for (let index = 0; index < SAMPLE; index += 1) {
    bytes.write(prefix + uuidOf(first + next()), index * length, 'latin1');
  }
  /** @param {number} count @param {(keys: readonly string[]) => number | Promise<number>} look how many there are */
  return async (count, look) => {
    let elapsedMs = 0;
    let found = 0;
    for (let done = 0; done < count; done += AT_ONCE) {
      const keys = Array.from({ length: Math.min(AT_ONCE, count - done) }, (_, index) => {
        const at = ((done + index) & (SAMPLE - 1)) * length;
        return bytes.toString('latin1', at, at + length);
      });
      const startedAt = performance.now();
      const some = look(keys);
      found += typeof some === 'number' ? some : await some;
      elapsedMs += performance.now() - startedAt;
    }
    return { elapsedMs, found };
  };
};

/**
 * @typedef {ReturnType<typeof freshKeys>} Keys
 * @param {Keys} keys @param {boolean} expected
 * @param {(keys: readonly string[]) => number | Promise<number>} look
 * @returns {import('../harness.mjs').Batch}
 */
export const lookingFor = (keys, expected, look) => async (count) => {
  const { elapsedMs, found } = await keys(count, look);
  if (found !== (expected ? count : 0)) throw new Error(`Expected ${expected ? count : 0} hits, got ${found}`);
  return { elapsedMs, sink: found + 1 };
};
