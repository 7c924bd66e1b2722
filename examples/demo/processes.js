// @ts-check
/** The demo's child processes: each ends with the demo, however that ends. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { REPORTS } from './report-channel.js';

/** @type {Set<import('node:child_process').ChildProcess>} */
const running = new Set();

/** @param {string} file @param {object} setup the first message to it */
const start = (file, setup) => {
  const child = fork(fileURLToPath(new URL(file, import.meta.url)), [], {
    execArgv: [],
    env: { NODE_NO_WARNINGS: '1' },
    stdio: ['ignore', 'ignore', 'pipe', 'ipc', 'pipe'],
  });
  let complaints = '';
  child.stderr?.setEncoding('utf8').on('data', (text) => (complaints = (complaints + text).slice(-4_000)));
  running.add(child);
  const ended = once(child, 'exit').then(([code, signal]) => {
    running.delete(child);
    return `${file} has ended (${signal ?? `code ${code}`})\n${complaints}`;
  });
  // It may be gone before it has read this; its exit reports that.
  child.send(setup, () => undefined);
  return { child, ended };
};

/** @param {Promise<string>} ended @returns {Promise<never>} */
const failAt = async (ended) => {
  throw new Error(await ended);
};

/** Starts the API, and resolves with its URL. @param {string} issuer @returns {Promise<string>} */
export const startApi = async (issuer) => {
  const { child, ended } = start('./api.js', { issuer });
  const answer = once(child, 'message');
  answer.catch(() => undefined);
  const [{ url }] = await Promise.race([answer, failAt(ended)]);
  return url;
};

/**
 * Runs the server process under its load.
 *
 * @param {import('./parameters.js').Setup} setup
 * @param {(report: import('./report-channel.js').Report) => void} onReport
 * @param {number} timeoutMs then it is ended, which is an error
 * @returns {Promise<import('./report-channel.js').ResultReport>}
 */
export const runServer = async (setup, onReport, timeoutMs) => {
  const { child, ended } = start('./server.js', setup);
  const input = /** @type {import('node:stream').Readable} */ (child.stdio[REPORTS]);
  /** @type {import('./report-channel.js').ResultReport | undefined} */
  let result;
  const lines = createInterface({ input }).on('line', (line) => {
    /** @type {import('./report-channel.js').Report} */
    const report = JSON.parse(line);
    if (report.kind === 'result') result = report;
    onReport(report);
  });
  const closed = once(lines, 'close');
  const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
  const how = await ended;
  await closed;
  clearTimeout(timer);
  if (!result) throw new Error(how);
  return result;
};

/** Ends what still runs, at once. */
export const endAll = () => {
  for (const child of running) child.kill('SIGKILL');
};
