import { existsSync, readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import manifest from '../../package.json' with { type: 'json' };
import { ROOT } from '../run/setup.mjs';
import { API } from './api/generate.mjs';
import { anchorsOfMarkdown, blocksOfMarkdown, blocksOfSource, linksOfMarkdown } from './blocks.js';
import { checkBlocks } from './check.js';

const read = (file: string): string => readFileSync(path.join(ROOT, file), 'utf8');

const filesBelow = (folder: string, ending: string): string[] =>
  existsSync(path.join(ROOT, folder))
    ? readdirSync(path.join(ROOT, folder), { recursive: true, encoding: 'utf8' })
        .filter((file) => file.endsWith(ending))
        .map((file) => path.join(folder, file))
        .sort()
    : [];

const topPages = readdirSync(ROOT).filter((file) => file.endsWith('.md'));
const pages = [...topPages, ...filesBelow('docs', '.md'), ...filesBelow('examples', '.md')];
const sources = filesBelow('src', '.ts');

const entries = new Map(
  Object.entries(manifest.exports).flatMap(([subpath, target]) =>
    typeof target === 'string' ? [] : [[`tokenvisor${subpath.slice(1)}`, path.join(ROOT, target.types)] as const],
  ),
);

const blocks = [
  // Those of the API reference are signatures, and the examples of the sources.
  ...pages.filter((page) => !page.startsWith(`${API}/`)).flatMap((page) => blocksOfMarkdown(page, read(page))),
  ...sources.flatMap((source) => blocksOfSource(source, read(source))),
];

describe('code that our texts show compiles', () => {
  const found = checkBlocks(ROOT, entries, blocks);

  it.each(blocks.map((block) => ({ block, at: `${block.page}:${block.line}` })))('$at', ({ block }) => {
    const problems = found.get(block)?.map(({ line, message }) => `${block.page}:${line}: ${message}`);
    expect(problems).toEqual([]);
  });
});

describe('links lead somewhere', () => {
  it.each(pages)('%s', (page) => {
    const broken = linksOfMarkdown(read(page)).filter(({ target }) => {
      if (/^[a-z]+:/i.test(target)) return false;
      const [file = '', anchor] = target.split('#', 2);
      const linked = file === '' ? page : path.join(path.dirname(page), decodeURI(file));
      if (!existsSync(path.join(ROOT, linked))) return true;
      return anchor !== undefined && linked.endsWith('.md') && !anchorsOfMarkdown(read(linked)).has(anchor);
    });
    expect(broken).toEqual([]);
  });
});

describe('subpaths that our texts name', () => {
  it('are exported', () => {
    const named = pages.flatMap((page) =>
      [...read(page).matchAll(/['"`](tokenvisor\/[\w./-]+)['"`]/g)].map(([, specifier = '']) => specifier),
    );
    const exported = Object.keys(manifest.exports).map((subpath) => `tokenvisor${subpath.slice(1)}`);
    expect(named.filter((specifier) => !exported.includes(specifier))).toEqual([]);
  });
});
