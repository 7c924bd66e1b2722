/** Each fault of docs/explanation/reliability.md names tests that are there. */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { ROOT } from '../run/setup.mjs';

const page = readFileSync(path.join(ROOT, 'docs/explanation/reliability.md'), 'utf8');
const rows = page.split('\n').filter((line) => line.startsWith('| ') && !/^\| (?:fault|-+)[ ,]/.test(line));
const named = (row: string): string[] =>
  [...row.matchAll(/`((?:threads|services|unit|property|long)\/[\w/.-]+)`/g)].map(([, name = '']) => name);

/** A file of tests, or a folder of them. */
const isThere = (name: string): boolean => {
  const folder = path.join(ROOT, 'test', path.dirname(name));
  if (!existsSync(folder)) return false;
  return readdirSync(folder).some((file) => file === `${path.basename(name)}.test.ts`);
};

test('every row names a test, and every test is there', () => {
  expect(rows.length).toBeGreaterThan(25);
  expect(rows.filter((row) => named(row).length === 0)).toEqual([]);
  expect(rows.flatMap(named).filter((name) => !isThere(name))).toEqual([]);
});
