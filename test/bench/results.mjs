/** docs/reference/benchmarks/results.json: the last report of each suite. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { ROOT } from '../run/setup.mjs';
import { SUITES } from './suites.mjs';

/**
 * @typedef {import('./harness.mjs').Row} Row
 * @typedef {import('./harness.mjs').Cell} Cell
 * @typedef {import('./harness.mjs').Figure} Figure
 * @typedef {{ cpu: string, cores: number, memoryGB: number, os: string }} Machine
 * @typedef {{ suite: string, minutes: number, machine: Machine, versions: { node: string } & Record<string, string>,
 *   rows: Row[], figures: Figure[], cells: Cell[], notes: string[] }} Report
 */

export const RESULTS = 'docs/reference/benchmarks/results.json';

const FILE = path.join(ROOT, RESULTS);

/** Those that there are. @returns {Record<string, Report>} */
export const readResults = () => (existsSync(FILE) ? JSON.parse(readFileSync(FILE, 'utf8')) : {});

/** Numbers as they are shown, so that a run does not change every digit of the file. @param {unknown} value */
const rounded = (value) => (typeof value === 'number' ? Number(value.toPrecision(4)) : value);

/** Puts one in the place of the suite's last. @param {Report} report */
export const keepResult = (report) => {
  /** @type {Record<string, Report>} */
  const results = { ...readResults(), [report.suite]: report };
  const ordered = Object.fromEntries(SUITES.flatMap((suite) => (results[suite] ? [[suite, results[suite]]] : [])));
  mkdirSync(path.dirname(FILE), { recursive: true });
  writeFileSync(FILE, `${JSON.stringify(ordered, (_, value) => rounded(value), 2)}\n`);
};
