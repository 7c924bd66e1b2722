/** Starts the token endpoint of endpoint-process.mjs and speaks to it. */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { askProcess } from '../../support/ask-process.mjs';
import { follow } from './processes.mjs';

const SCRIPT = fileURLToPath(new URL('./endpoint-process.mjs', import.meta.url));

/** @param {number} lifeS */
export const startEndpoint = async (lifeS) => {
  const child = follow(fork(SCRIPT, [String(lifeS)]));
  const { ask } = askProcess(child, 'The token endpoint');
  const port = await ask({ command: 'start' });
  return {
    // By name: that is how APIs are called, and names are what libuv's pool looks up.
    url: `http://localhost:${port}/token`,
    /** @returns {Promise<{ requests: number[], issued: number }>} */
    stats: () => ask({ command: 'stats' }),
    reset: () => ask({ command: 'reset' }),
    leave: () => ask({ command: 'leave' }),
    busy: () => ask({ command: 'busy' }),
    well: () => ask({ command: 'well' }),
    close: () => child.disconnect(),
  };
};
