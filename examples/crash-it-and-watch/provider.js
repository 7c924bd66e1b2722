// @ts-check
import { randomBytes } from 'node:crypto';

/**
 * Mints, unless it is ordered to fail. The order comes through a word of shared memory, because an actor has
 * no other input for it.
 *
 * @type {import('tokenvisor/providers').ProviderFunction<{ order: Int32Array }>}
 */
const mint = async ({ options, attempt }) => {
  const order = Atomics.exchange(options.order, 0, 0);
  if (order === 1) throw new Error(`attempt ${attempt} fails, as was ordered`);
  if (order === 2) {
    setImmediate(() => {
      throw new Error('thrown without a catch, as was ordered');
    });
  }
  if (order === 3) process.exit(7);
  if (order === 4) for (;;);
  return { value: randomBytes(16).toString('hex'), expiresInS: 20 };
};

export default mint;
