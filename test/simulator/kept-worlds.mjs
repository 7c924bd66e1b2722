/**
 * The kept worlds: `kept/NAME.json` has what was drawn in a world in which something went wrong, beside what that was.
 *
 * @typedef {{ seed: number, violated: string, because: string, draws: Record<string, (number | string)[]> }} KeptFile
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { ROOT, SetupError } from '../run/setup.mjs';

const FOLDER = path.join(ROOT, 'test/simulator/kept');

/** @param {string} name */
const fileOf = (name) => path.join(FOLDER, `${name}.json`);

export const keptNames = () =>
  readdirSync(FOLDER)
    .filter((file) => file.endsWith('.json'))
    .map((file) => path.basename(file, '.json'))
    .sort();

/** @param {string} name @returns {{ name: string } & KeptFile} */
export const readKept = (name) => {
  if (!keptNames().includes(name)) {
    throw new SetupError(`Expected the name of a kept world (${keptNames().join(', ')}), got ${name}`);
  }
  return { name, .../** @type {KeptFile} */ (JSON.parse(readFileSync(fileOf(name), 'utf8'))) };
};

/** @param {string} name @param {KeptFile} world @returns {Promise<string>} the file, from the top of the checkout */
export const writeKept = async (name, world) => {
  if (!/^[a-z\d]+(?:-[a-z\d]+)*$/.test(name)) {
    throw new SetupError(`Expected --keep to be a name in kebab-case, got ${name}`);
  }
  const { format, resolveConfig } = await import('prettier');
  const file = fileOf(name);
  const text = await format(JSON.stringify(world), { ...(await resolveConfig(file)), filepath: file });
  mkdirSync(FOLDER, { recursive: true });
  writeFileSync(file, text);
  return path.relative(ROOT, file);
};
