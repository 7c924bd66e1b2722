/** Keys of the table's figures: uuids in no order, each from its number, made anew every time. */

const HEX = Array.from({ length: 65_536 }, (_, value) => value.toString(16).padStart(4, '0'));

/** @param {number} value */
export const mixed = (value) => {
  let x = value | 0;
  x = Math.imul(x ^ (x >>> 16), 0x21f0_aaad);
  x = Math.imul(x ^ (x >>> 15), 0x735a_2d97);
  return (x ^ (x >>> 15)) >>> 0;
};

/** @param {number} index */
export const uuidOf = (index) => {
  const a = mixed(index);
  const b = mixed(index + 0x3c6e_f372);
  const c = mixed(index + 0x1234_5677);
  return (
    `${HEX[a >>> 16]}${HEX[a & 0xffff]}-${HEX[b >>> 16]}-4${HEX[b & 0xfff]?.slice(1)}-8${HEX[c & 0xfff]?.slice(1)}` +
    `-${HEX[c >>> 16]}${HEX[index >>> 16]}${HEX[index & 0xffff]}`
  );
};

/** Numbers below `limit`, in no order, the same each time. @param {number} limit @param {number} [seed] */
export const numbersBelow = (limit, seed = 1) => {
  let random = seed;
  return () => {
    random = (Math.imul(random, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((random / 2 ** 32) * limit);
  };
};

/** How many keys a batch of lookups goes round in: many times what a cache holds. */
export const SAMPLE = 2 ** 20;

/**
 * Rows of keys in no order.
 *
 * @param {{ writeRow(rows: Int32Array, index: number, key: string, expiryS: number): void }} reader
 * @param {number} entries @param {number} first
 */
export const sampleRows = (reader, entries, first = 0) => {
  const rows = new Int32Array(SAMPLE * 5);
  const next = numbersBelow(entries);
  for (let index = 0; index < SAMPLE; index += 1) reader.writeRow(rows, index, uuidOf(first + next()), 0);
  return rows;
};
