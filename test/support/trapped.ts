/** A supervisor thread that dies where a test wants it to: see fixtures/trapped-supervisor.mjs. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { BroadcastChannel, setEnvironmentData } from 'node:worker_threads';
import type { Trap, TrapMessage } from '../threads/fixtures/trapped-supervisor.mjs';
import { afterTest } from './supervised.js';

const KEY = 'tokenvisor-test-trap';

/** A `workerUrl`: what a bundler would have made, with the trapped supervisor in it. `trap` is for its first thread. */
export const trappedSupervisor = (trap?: Trap): URL => {
  const directory = mkdtempSync(path.join(tmpdir(), 'tokenvisor-trapped-'));
  const write = (file: string, source: string): string => {
    const target = path.join(directory, file);
    mkdirSync(path.dirname(target), { recursive: true });
    writeFileSync(target, source);
    return target;
  };
  const fixture = new URL('../threads/fixtures/trapped-supervisor.mjs', import.meta.url);
  const actorEntry = new URL('../../dist/runtime/actor-entry.cjs', import.meta.url);
  write('runtime/actor-entry.cjs', `module.exports = require(${JSON.stringify(actorEntry.pathname)});\n`);
  const entry = write('runtime/supervisor-entry.cjs', `require(${JSON.stringify(fixture.pathname)});\n`);
  setEnvironmentData(KEY, trap);
  afterTest(() => {
    setEnvironmentData(KEY, undefined);
    rmSync(directory, { recursive: true, force: true });
  });
  return pathToFileURL(entry);
};

/** From now on threads are made without a trap. */
export const noMoreTraps = (): void => setEnvironmentData(KEY, undefined);

const open = (): BroadcastChannel => {
  const channel = new BroadcastChannel(KEY);
  channel.unref();
  return channel;
};

/** Tells the supervisor thread, which does it at its next turn, whatever this thread does meanwhile. */
export const order = (message: TrapMessage): void => {
  const channel = open();
  channel.postMessage(message);
  channel.close();
};

/** Sets a trap in the supervisor thread that lives now; resolves when it is set. */
export const setTrap = (trap: Trap): Promise<void> =>
  new Promise((resolve) => {
    const channel = new BroadcastChannel(KEY);
    channel.onmessage = () => {
      channel.close();
      resolve();
    };
    channel.postMessage({ kind: 'trap', trap } satisfies TrapMessage);
  });
