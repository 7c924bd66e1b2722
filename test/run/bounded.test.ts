import { expect, it } from 'vitest';
import { runBounded } from './bounded.mjs';

const node = (script: string, limitMs = 20_000): Promise<string | undefined> =>
  runBounded(process.execPath, ['-e', script], { cwd: process.cwd(), limitMs });

it('has nothing to say of a program that ends well', async () => {
  expect(await node('')).toBeUndefined();
});

it('tells how a program failed', async () => {
  expect(await node('process.exit(3)')).toBe('exit code 3');
  expect(await node('process.kill(process.pid, "SIGKILL")')).toBe('ended by SIGKILL');
  expect(await runBounded('/nowhere/at-all', [], { cwd: process.cwd(), limitMs: 1_000 })).toMatch('could not be run');
});

it('ends a program that is not done in time', async () => {
  expect(await node('setInterval(() => {}, 1000)', 200)).toBe('not done after 0.2 s');
});

it('ends what a program has left behind, and tells', async () => {
  const leaves = `
    const { spawn } = require('node:child_process');
    spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' }).unref();`;
  expect(await node(leaves)).toMatch(/^left processes behind: .*setInterval/);
});
