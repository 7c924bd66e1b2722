/**
 * Where the examples are: `examples/NAME.js`, or `examples/NAME/index.js` for one that needs more files than one.
 */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { ROOT } from './setup.mjs';

/** The first sentence of the file's first comment. @param {string} source */
const summaryOf = (source) => {
  const comment = /\/\*\*?([\s\S]*?)\*\//.exec(source)?.[1] ?? /^\/\/ (?!@ts-)(.*)$/m.exec(source)?.[1] ?? '';
  const text = comment.replaceAll(/^[ \t]*\*?[ \t]?/gm, '').trim();
  return (text.split('\n\n')[0] ?? '').replaceAll(/\s+/g, ' ');
};

/** @returns {{ name: string, file: string, summary: string }[]} `file` is relative to examples/ */
export const findExamples = () => {
  const directory = path.join(ROOT, 'examples');
  if (!existsSync(directory)) return [];
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const file = entry.isDirectory() ? `${entry.name}/index.js` : entry.name;
    if (!file.endsWith('.js') || !existsSync(path.join(directory, file))) return [];
    const name = entry.isDirectory() ? entry.name : entry.name.slice(0, -'.js'.length);
    return [{ name, file, summary: summaryOf(readFileSync(path.join(directory, file), 'utf8')) }];
  });
};
