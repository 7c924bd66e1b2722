/** Opens a store in the thread that asks: an actor's. */
import { loadExport } from '../core/load-module.js';
import { checked } from '../config/check.js';
import { TokenvisorError } from '../core/errors.js';
import { storeReference, type StoreReference } from './store-reference.js';
import type { OpenStore, Store, StoreContext } from './port/store.js';

/**
 * The store that a reference leads to, opened. The references to secrets in it have been resolved by the starting thread.
 *
 * @throws CONFIG_INVALID, START_FAILED if the module can't be loaded, and what the store itself rejects with:
 * STORE_UNAVAILABLE, STORE_LOCKED, STORE_FAILED
 */
export const openStore = async (reference: StoreReference, context: StoreContext): Promise<Store> => {
  // Checked here as well: what arrives may have been made by hand.
  const value = checked(storeReference(), reference, 'store');
  const open = loadExport(value.module, value.export);
  if (typeof open !== 'function') {
    const expected = `Expected '${value.export}' of ${value.module} to be a function that opens a store`;
    throw new TokenvisorError('START_FAILED', `${expected}, got ${typeof open}`);
  }
  return (open as OpenStore)(value.options, context);
};
