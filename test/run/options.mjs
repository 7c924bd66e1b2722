/**
 * The options of a command: what it can't take is told with what it expects, and without a stack.
 */
import { inspect, parseArgs } from 'node:util';
import { SetupError } from './setup.mjs';

/** @typedef {Record<string, { type: 'string' | 'boolean' }>} Options */

/** `--seeds -1` as `--seeds=-1`: wrong, but a number, and to be told as one. @param {string[]} args @returns {string[]} */
const withNegatives = (args) =>
  args
    .join('\0')
    .replaceAll(/(--[a-z]+)\0(?=-\d)/g, '$1=')
    .split('\0')
    .filter(Boolean);

/**
 * @template {Options} T
 * @param {string} usage the command and its options, in one line
 * @param {T} options
 * @returns {{ [K in keyof T]?: T[K]['type'] extends 'boolean' ? boolean : string }} undefined if not said. `--help` ends
 *   the process
 */
export const readOptions = (usage, options) => {
  /** @type {any} */
  let values;
  try {
    ({ values } = parseArgs({
      args: withNegatives(process.argv.slice(2)),
      options: { ...options, help: { type: 'boolean', short: 'h' } },
    }));
  } catch (error) {
    // Only the first sentence: what comes next is of arguments that begin with a dash, and no command takes such.
    const [problem] = (error instanceof Error ? error.message : inspect(error)).split(/[.\n]\s/, 1);
    throw new SetupError(`${problem}\nExpected ${usage}`);
  }
  if (!values.help) return values;
  process.stdout.write(`${usage}\n`);
  process.exit(0);
};

/** @param {string} name @param {string | undefined} text @param {{ from: number, to?: number }} range */
export const wholeNumber = (name, text, { from, to = Number.MAX_SAFE_INTEGER }) => {
  const value = Number(text);
  if (text !== undefined && /^\d+$/.test(text) && value >= from && value <= to) return value;
  const range = to === Number.MAX_SAFE_INTEGER ? `from ${from} on` : `from ${from} to ${to}`;
  throw new SetupError(`Expected --${name} to be a whole number ${range}, got ${inspect(text)}`);
};
