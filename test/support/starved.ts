/** Processes that a test starves or freezes. */
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterTest } from './supervised.js';

const FILE = fileURLToPath(new URL('../threads/fixtures/starved-process.mjs', import.meta.url));

export interface StarvedProcess {
  readonly child: ChildProcess;
  /** Says what it is to do. */
  order(order: { readonly scenario: string; readonly [option: string]: unknown }): void;
  /** Resolves when it tells an event of this type. */
  event(type: string): Promise<void>;
  /** What it tells last. */
  readonly result: Promise<Record<string, unknown>>;
}

/** Forks one. It is ended after the test. */
export const starvedProcess = (): StarvedProcess => {
  const child = fork(FILE, { execArgv: [], stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
  afterTest(() => child.kill('SIGKILL'));
  let errors = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (errors += text));
  const told = <T>(pick: (message: Record<string, unknown>) => T | undefined): Promise<T> =>
    new Promise((resolve, reject) => {
      child.on('message', (message) => {
        const picked = pick(message as Record<string, unknown>);
        if (picked !== undefined) resolve(picked);
      });
      child.once('exit', () => reject(new Error(`The process has ended\n${errors}`)));
    });
  const result = told(({ result }) => result as Record<string, unknown> | undefined);
  result.catch(() => undefined);
  return {
    child,
    order: (order) => void child.send(order),
    event: (type) => told(({ event }) => (event === type ? true : undefined)).then(() => undefined),
    result,
  };
};
