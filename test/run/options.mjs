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
 * @typedef {{ [K in keyof T]?: T[K]['type'] extends 'boolean' ? boolean : string }} Values undefined if not said
 */

/**
 * What the command was given. `--help` ends the process.
 *
 * @template {Options} T
 * @param {string} usage the command and its options, in one line
 * @param {T} options
 * @param {{ allowPositionals?: boolean }} [more]
 * @returns {{ values: Values<T>, positionals: string[] }}
 */
export const readArguments = (usage, options, { allowPositionals = false } = {}) => {
  /** @type {any} */
  let given;
  try {
    given = parseArgs({
      args: withNegatives(process.argv.slice(2)),
      options: { ...options, help: { type: 'boolean', short: 'h' } },
      allowPositionals,
    });
  } catch (error) {
    // Only the first sentence: what comes next is of arguments that begin with a dash, and no command takes such.
    const [problem] = (error instanceof Error ? error.message : inspect(error)).split(/[.\n]\s/, 1);
    throw new SetupError(`${problem}\nExpected ${usage}`);
  }
  if (!given.values.help) return given;
  process.stdout.write(`${usage}\n`);
  process.exit(0);
};

/** The options of a command that takes nothing else. @template {Options} T @param {string} usage @param {T} options @returns {Values<T>} */
export const readOptions = (usage, options) => readArguments(usage, options).values;

/** @param {string} name @param {string | undefined} text @param {{ from: number, to?: number }} range */
export const wholeNumber = (name, text, { from, to = Number.MAX_SAFE_INTEGER }) => {
  const value = Number(text);
  if (text !== undefined && /^\d+$/.test(text) && value >= from && value <= to) return value;
  const range = to === Number.MAX_SAFE_INTEGER ? `from ${from} on` : `from ${from} to ${to}`;
  throw new SetupError(`Expected --${name} to be a whole number ${range}, got ${inspect(text)}`);
};
