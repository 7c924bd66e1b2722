import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { ROOT } from '../run/setup.mjs';
import { nodeBinary } from './node-versions.js';
import { run, type Run } from './project.js';
import { room, type Room } from './room.js';

const FIXTURES = ['provider.mjs', 'reader.mjs', 'supervising-worker.mjs', 'runner-test.mjs.txt'];
const VITEST = path.join(ROOT, 'node_modules/vitest/vitest.mjs');
const JEST = path.join(ROOT, 'node_modules/jest/bin/jest.js');

interface Report {
  readonly numFailedTests: number;
  readonly testResults: readonly {
    readonly assertionResults: readonly { title: string; status: string; failureMessages: readonly string[] }[];
  }[];
}

/** Each test by its title: 'passed', or why not. */
const outcomes = ({ stdout, stderr }: Run): Readonly<Record<string, string>> => {
  const start = stdout.indexOf('{"num');
  if (start < 0) throw new Error(`there is no report: ${stdout}${stderr}`);
  const { testResults } = JSON.parse(stdout.slice(start)) as Report;
  const results = testResults.flatMap(({ assertionResults }) => assertionResults);
  return Object.fromEntries(
    results.map(({ title, status, failureMessages }) => [title, failureMessages.join('\n') || status]),
  );
};

const ALL_PASSED = {
  'a whole life': 'passed',
  'a handle that came by a message, from another realm perhaps': 'passed',
  'errors are what they are': 'passed',
};

describe('vitest', () => {
  it.each(['threads', 'forks', 'vmThreads'])('pool %s', async (pool) => {
    const here = await room(`vitest-${pool}`, ...FIXTURES);
    await here.lend('vitest');
    const settings = { test: { globals: true, include: ['runner-test.mjs'], pool, testTimeout: 30_000 } };
    await here.write('vitest.config.mjs', `export default ${JSON.stringify(settings)};`);
    const ended = await here.run(VITEST, 'run', '--reporter=json');
    expect(outcomes(ended)).toEqual(ALL_PASSED);
    expect(ended.code).toBe(0);
  });
});

describe('jest', () => {
  const project = async (name: string, ...fixtures: readonly string[]): Promise<Room> => {
    const here = await room(`jest-${name}`, ...fixtures);
    const settings = { testMatch: ['**/runner-test.mjs', '**/*.test.cjs'], transform: {}, testTimeout: 30_000 };
    await here.write('jest.config.json', JSON.stringify(settings));
    return here;
  };

  /** It is not forced to its end: what a test leaves behind would hold it. */
  const jest = (here: Room, node: string, ...flags: readonly string[]): Promise<Run> =>
    run(here.folder, node, ...flags, JEST, '--rootDir', here.folder, '--ci', '--json', '--runInBand');

  it('runs ES modules, with --experimental-vm-modules', async () => {
    const here = await project('esm', ...FIXTURES);
    const ended = await jest(here, process.execPath, '--experimental-vm-modules');
    expect(outcomes(ended)).toEqual(ALL_PASSED);
    expect(ended.code).toBe(0);
  });

  it('CommonJS without that flag can not load an ES module, and says so', async () => {
    const here = await project('none', 'provider.mjs', 'required.test.cjs.txt');
    expect(outcomes(await jest(here, process.execPath))).toEqual({
      'by require()': expect.stringContaining('Must use import to load ES Module') as string,
      'by import()': expect.stringContaining('--experimental-vm-modules') as string,
    });
  });

  it('CommonJS with that flag imports it', async () => {
    const here = await project('cjs', 'provider.mjs', 'required.test.cjs.txt');
    expect(outcomes(await jest(here, process.execPath, '--experimental-vm-modules'))).toMatchObject({
      'by import()': 'passed',
    });
  });

  it('CommonJS with that flag also requires it, on a Node of which jest knows that it can', async ({ skip }) => {
    const binary = await nodeBinary('24.21.0');
    if ('missing' in binary) return skip(binary.missing);
    const here = await project('require', 'provider.mjs', 'required.test.cjs.txt');
    expect(outcomes(await jest(here, binary.file, '--experimental-vm-modules'))).toEqual({
      'by require()': 'passed',
      'by import()': 'passed',
    });
  });
});
