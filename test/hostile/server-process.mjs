/**
 * The hostile server in a process of its own, so that a busy test thread does not slow it. The process ends with the one
 * that started it.
 */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { askProcess } from '../support/ask-process.mjs';

/**
 * @typedef {import('./server.js').HostileServerOptions} HostileServerOptions
 * @typedef {import('./server.js').HostileCommands} HostileCommands
 *
 * @typedef {{ [Name in keyof HostileCommands]: (...given: Parameters<HostileCommands[Name]>) =>
 *   Promise<ReturnType<HostileCommands[Name]>> }} Promised
 *
 * @typedef {object} Facts
 * @property {string} origin
 * @property {string} tokenEndpoint
 * @property {number} port
 * @property {string | undefined} ca with `tls`: what a client has to trust
 * @property {number} pid
 * @property {() => Promise<void>} close
 *
 * @typedef {Promised & Facts} HostileProcess
 */

const FLAG = '--hostile-server';
const COMMANDS = /** @type {const} */ ([
  'next',
  'clear',
  'authorise',
  'refuse',
  'admit',
  'presentations',
  'stats',
  'seen',
]);

/**
 * Starts a server; resolves when it listens.
 * @param {HostileServerOptions} [options]
 * @returns {Promise<HostileProcess>}
 */
export const startHostileProcess = async (options = {}) => {
  const child = fork(fileURLToPath(import.meta.url), [FLAG], {
    execArgv: [],
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  const { ask: askAny, gone } = askProcess(child, 'The hostile server');
  /** @type {(command: string, given: unknown[]) => Promise<any>} */
  const ask = (command, given) => askAny({ command, given });

  const facts = await ask('start', [options]);
  const commands = COMMANDS.map((name) => [name, (/** @type {unknown[]} */ ...given) => ask(name, given)]);
  return {
    .../** @type {Promised} */ (Object.fromEntries(commands)),
    ...facts,
    pid: child.pid,
    close: async () => {
      child.kill('SIGKILL');
      await gone;
    },
  };
};

const serve = async () => {
  const { importTypeScript } = await import('../run/typescript.mjs');
  const { startHostileServer } = await importTypeScript('test/hostile/server.ts');
  /** @type {import('./server.js').HostileServer | undefined} */
  let server;
  /** @type {(command: string, given: any[]) => Promise<unknown>} */
  const obey = async (command, given) => {
    if (command !== 'start') return /** @type {any} */ (server)[command](...given);
    const { origin, tokenEndpoint, port, ca } = (server = await startHostileServer(...given));
    return { origin, tokenEndpoint, port, ca };
  };
  process.on('message', (/** @type {any} */ { id, command, given }) => {
    obey(command, given).then(
      (value) => process.send?.({ id, value }),
      (/** @type {unknown} */ error) => process.send?.({ id, error: String(/** @type {Error} */ (error).stack) }),
    );
  });
};

if (process.send !== undefined && process.argv[2] === FLAG) {
  process.on('disconnect', () => process.exit(0));
  await serve();
}
