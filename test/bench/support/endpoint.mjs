/** Starts the endpoint of short-tokens.mjs and speaks to it. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** @param {number} lifeS */
export const startEndpoint = async (lifeS) => {
  const child = fork(fileURLToPath(new URL('./short-tokens.mjs', import.meta.url)), [String(lifeS)]);
  let id = 0;
  /** @param {string} command @returns {Promise<any>} */
  const ask = async (command) => {
    const mine = (id += 1);
    child.send({ id: mine, command });
    for (;;) {
      const [message] = await once(child, 'message');
      if (message.id === mine) return message.value;
    }
  };
  const port = await ask('start');
  return {
    // By name: that is how APIs are called, and names are what libuv's pool looks up.
    url: `http://localhost:${port}/token`,
    /** @returns {Promise<{ requests: number[], issued: number }>} */
    stats: () => ask('stats'),
    reset: () => ask('reset'),
    leave: () => ask('leave'),
    busy: () => ask('busy'),
    well: () => ask('well'),
    close: () => child.disconnect(),
  };
};
