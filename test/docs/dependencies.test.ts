import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { ROOT } from '../run/setup.mjs';
import { runtimeTree } from './runtime-tree.js';

const page = readFileSync(path.join(ROOT, 'docs/explanation/dependencies.md'), 'utf8');

/** The rows of the table after a marker, without their padding. */
const rowsAfter = (marker: string): string[] => {
  const [, after = ''] = page.split(`<!-- ${marker} -->`);
  const [table = ''] = after.trimStart().split('\n\n');
  return table
    .split('\n')
    .slice(2)
    .map((row) => row.replaceAll(/ +/g, ' ').trim())
    .sort();
};

test.each([
  ['what is installed', 'dependencies'],
  ['what peers install', 'peerDependencies'],
] as const)('%s with the package is what the page says, to the version and the licence', (marker, of) => {
  expect(runtimeTree(of).length).toBeGreaterThan(10);
  expect(rowsAfter(marker)).toEqual(runtimeTree(of));
});
