/** What is drawn from random numbers: one of a list, or from bags until they are empty. */

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
