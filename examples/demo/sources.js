// @ts-check
/** The token source of a thread of the server, by contender. */
import { fromTokenvisor } from './credentials.js';
import { fromInterval } from './interval-refresher.js';
import { fromLazyClient } from './lazy-client.js';

/**
 * @param {import('./parameters.js').Setup} setup
 * @param {import('./measures.js').Measures} measures
 * @param {number} thread 0 is the main thread
 * @param {import('./credentials.js').Handles | undefined} handles of tokenvisor
 * @returns {import('./reading.js').TokenSource | Promise<import('./reading.js').TokenSource>}
 */
export const openSource = (setup, measures, thread, handles) => {
  switch (setup.contender) {
    case 'ours':
      if (!handles) throw new Error('The supervisor has not been started');
      return fromTokenvisor(handles);
    case 'interval':
      return fromInterval(setup, measures, thread);
    case 'lazy':
      return fromLazyClient(setup, measures, thread);
  }
};
