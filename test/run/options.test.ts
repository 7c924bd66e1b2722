import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { ROOT } from './setup.mjs';

const scriptOf = (command: string): string => (command === 'bench' ? 'test/bench/run.mjs' : `test/run/${command}.mjs`);

const run = (command: string, ...args: string[]): { status: number | null; stdout: string; stderr: string } =>
  spawnSync(process.execPath, [path.join(ROOT, scriptOf(command)), ...args], {
    encoding: 'utf8',
    timeout: 20_000,
    killSignal: 'SIGKILL',
  });

describe('what a command can not take', () => {
  it.each([
    ['simulate', '--seeds abc', /^setup: Expected --seeds to be a whole number from 1 on, got 'abc'\n$/],
    ['simulate', '--seeds 0', /^setup: Expected --seeds to be a whole number from 1 on, got '0'\n$/],
    ['simulate', '--seeds -1', /^setup: Expected --seeds to be a whole number from 1 on, got '-1'\n$/],
    ['simulate', '--from 9007199254740991', /^setup: Expected --from to be a whole number from 0 to 4294967295, got/],
    ['simulate', '-5', /^setup: Unknown option '-5'\nExpected npm run simulate -- /],
    ['chaos', '--minutes 0', /^setup: Expected --minutes to be from 0.5 to 10080, got '0'\n$/],
    ['chaos', '--minutes -1', /^setup: Expected --minutes to be from 0.5 to 10080, got '-1'\n$/],
    ['chaos', '--minutes 1e9', /^setup: Expected --minutes to be from 0.5 to 10080, got '1e9'\n$/],
    ['chaos', '--seed x', /^setup: Expected --seed to be a whole number from 0 to 4294967295, got 'x'\n$/],
    ['chaos', '--what', /^setup: Unknown option '--what'\nExpected npm run chaos -- /],
    ['oracle', '--count 5', /^setup: Expected npm run oracle -- --seed N/],
    ['oracle', '--seed 1 --number 2 --write', /^setup: Expected --number without --count and --write/],
    ['bench', 'nonsense reads', /^setup: Expected suites among hostile, outage, .*; got 'nonsense'\n$/],
    ['bench', '--json', /^setup: Expected --json with a suite: npm run bench /],
    ['bench', '--what', /^setup: Unknown option '--what'\nExpected npm run bench /],
  ])('%s %s', (command, args, told) => {
    const { status, stdout, stderr } = run(command, ...args.split(' '));
    expect(stderr).toMatch(told);
    expect(stdout).toBe('');
    expect(status).toBe(1);
  });
});

it.each(['simulate', 'chaos', 'oracle', 'bench'])('%s --help tells what it takes', (command) => {
  expect(run(command, '--help')).toMatchObject({
    status: 0,
    stdout: expect.stringMatching(new RegExp(`^npm run ${command} .*\n$`)) as string,
    stderr: '',
  });
});
