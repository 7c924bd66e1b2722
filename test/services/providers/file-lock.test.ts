import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const CONTENDERS = 6;
const GENERATIONS = 4;
const ROUNDS = 8;

it('many processes that die with the lock in their hands never have it two at once, nor lose it for good', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tokenvisor-contention-'));
  const script = fileURLToPath(new URL('./lock-contender.mjs', import.meta.url));
  const contend = async (owner: string): Promise<unknown[]> => {
    const exits: unknown[] = [];
    for (let generation = 0; generation < GENERATIONS; generation++) {
      const args = [script, folder, `${owner}-${generation}`, String(ROUNDS)];
      const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] });
      exits.push(...((await once(child, 'exit')) as unknown[]));
    }
    return exits;
  };
  const exits = await Promise.all(Array.from({ length: CONTENDERS }, (_, index) => contend(`contender-${index}`)));
  // Each ends by killing itself while it holds the lock; an exit code says that something was wrong.
  expect(new Set(exits.flat())).toEqual(new Set([null, 'SIGKILL']));
  expect(readFileSync(join(folder, 'log'), 'utf8')).toHaveLength(CONTENDERS * GENERATIONS * ROUNDS);
  rmSync(folder, { recursive: true });
});
