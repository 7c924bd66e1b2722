import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { renderPage, type Report } from '../bench/render/page.mjs';
import { SUITES } from '../bench/suites.mjs';
import { ROOT } from '../run/setup.mjs';

const REFERENCE = path.join(ROOT, 'docs/reference');
const PLOTS = path.join(REFERENCE, 'benchmarks/plots');

const read = (file: string): string => readFileSync(file, 'utf8');
const results = JSON.parse(read(path.join(REFERENCE, 'benchmarks/results.json'))) as Record<string, Report>;

it('the page of benchmarks is made from the results alone: npm run bench -- --render', async () => {
  const { page, plots } = await renderPage(results);
  expect(page).toBe(read(path.join(REFERENCE, 'benchmarks.md')));
  const drawn = readdirSync(PLOTS).map((file) => [file, read(path.join(PLOTS, file))] as const);
  expect(new Map(drawn)).toEqual(new Map([...plots].sort()));
});

it('all suites have been measured, with one version of each package', () => {
  expect(Object.keys(results)).toEqual([...SUITES]);
  const versions = Object.values(results).map((report) => JSON.stringify(report.versions));
  expect(new Set(versions).size).toBe(1);
});
