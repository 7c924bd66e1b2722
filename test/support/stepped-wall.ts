/** One wall clock for this thread and for those of all actors, which a test steps. */
import { fileURLToPath } from 'node:url';
import { setEnvironmentData } from 'node:worker_threads';
import { vi } from 'vitest';
import { afterTest } from './supervised.js';

const KEY = 'tokenvisor-test-wall';

export interface SteppedWall {
  /** Options for the children whose actors are to have it. */
  readonly child: { readonly execArgv: readonly string[] };
  step(byS: number): void;
}

/** Before the supervisor is started: its threads get what this one has. */
export const steppedWall = (): SteppedWall => {
  const buffer = new SharedArrayBuffer(4);
  const words = new Int32Array(buffer);
  setEnvironmentData(KEY, buffer);
  const wall = Date.now;
  const spy = vi.spyOn(Date, 'now').mockImplementation(() => wall() + Atomics.load(words, 0) * 1_000);
  afterTest(() => {
    spy.mockRestore();
    setEnvironmentData(KEY, undefined);
  });
  const fixture = fileURLToPath(new URL('../threads/fixtures/stepped-wall.mjs', import.meta.url));
  return {
    child: { execArgv: ['--import', fixture] },
    step: (byS) => void Atomics.add(words, 0, byS),
  };
};
