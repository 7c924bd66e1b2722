/**
 * Asks a process that was forked: each request has a number, and its answer the same one.
 *
 * @param {import('node:child_process').ChildProcess} child whose stderr is a pipe: its last words are in what is told of its end
 * @param {string} name `The authorization server`
 * @returns {{ ask: (request: object) => Promise<any>, gone: Promise<void> }} `gone` resolves when it has ended
 */
export const askProcess = (child, name) => {
  let errors = '';
  child.stderr?.setEncoding('utf8').on('data', (text) => (errors = (errors + text).slice(-4_000)));
  /** @type {Map<number, { resolve: (value: any) => void, reject: (error: Error) => void }>} */
  const pending = new Map();
  let lastId = 0;
  let ended = false;
  const end = () => new Error(`${name} has ended\n${errors}`);
  child.on('message', (/** @type {any} */ { id, value, error }) => {
    const waiter = pending.get(id);
    pending.delete(id);
    if (error === undefined) waiter?.resolve(value);
    else waiter?.reject(new Error(error));
  });
  /** @type {Promise<void>} */
  const gone = new Promise((resolve) => {
    child.once('exit', () => {
      ended = true;
      for (const { reject } of pending.values()) reject(end());
      pending.clear();
      resolve();
    });
  });
  return {
    ask: (request) =>
      new Promise((resolve, reject) => {
        if (ended) return reject(end());
        const id = ++lastId;
        pending.set(id, { resolve, reject });
        child.send({ id, ...request });
      }),
    gone,
  };
};
