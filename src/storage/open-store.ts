/** Opens a store in the calling thread: an actor's. */
import { loadExport } from '../core/load-module.js';
import { checked } from '../config/check.js';
import { TokenvisorError } from '../core/errors.js';
import { storeReference, type StoreReference } from './store-reference.js';
import type { OpenStore, Store, StoreContext } from './port/store.js';

/**
 * Opens the store of a reference, whose secrets the starting thread has resolved.
 *
 * @throws CONFIG_INVALID, START_FAILED if the module can't be loaded, and the errors of the store: STORE_UNAVAILABLE,
 *   STORE_LOCKED, STORE_FAILED
 */
export const openStore = async (reference: StoreReference, context: StoreContext): Promise<Store> => {
  // Checked here as well: a reference may be written by hand.
  const value = checked(storeReference(), reference, 'store');
  const open = loadExport(value.module, value.export);
  if (typeof open !== 'function') {
    const expected = `Expected '${value.export}' of ${value.module} to be a function that opens a store`;
    throw new TokenvisorError('START_FAILED', `${expected}, got ${typeof open}`);
  }
  return (open as OpenStore)(value.options, context);
};
