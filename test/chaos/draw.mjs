/** Numbers that a seed determines, and bags that are drawn from until they are empty. */

/** Mulberry32. @param {number} seed @returns {() => number} in [0, 1) */
export const randomOf = (seed) => {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
};

/** @template T @param {readonly T[]} items @param {() => number} random @returns {T} */
export const pick = (items, random) => /** @type {T} */ (items[Math.floor(random() * items.length)]);

/** Every item once in random order, and again. @template T @param {readonly T[]} items @param {() => number} random */
export const bagOf = (items, random) => {
  /** @type {T[]} */
  let left = [];
  return () => {
    if (left.length === 0) left = [...items];
    return /** @type {T} */ (left.splice(Math.floor(random() * left.length), 1)[0]);
  };
};
