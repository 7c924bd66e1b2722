import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { loadExport, registerBundled, registerBundledFamily } from '../../../src/core/load-module.js';

const folder = mkdtempSync(path.join(tmpdir(), 'tokenvisor-modules-'));
afterAll(() => rmSync(folder, { recursive: true }));

const moduleOf = (name: string, text: string): string => {
  const file = path.join(folder, name);
  writeFileSync(file, text);
  return pathToFileURL(file).href;
};

const esm = moduleOf('esm.mjs', 'export default 1; export const two = 2; export const nothing = undefined;');
const named = moduleOf('named.mjs', 'export const two = 2;');
const commonJs = moduleOf('common.cjs', 'module.exports = { two: 2 };');
const withDefault = moduleOf('default.cjs', 'exports.default = 1; exports.two = 2;');
const primitive = moduleOf('primitive.cjs', 'module.exports = 5;');
const none = moduleOf('none.cjs', 'module.exports = null;');
const call = moduleOf('call.cjs', 'module.exports = () => 1; module.exports.two = 2;');
const imports = moduleOf('imports.mjs', "import 'nowhere';");

test.each([
  ['the default export of an ES module', esm, 'default', 1],
  ['a named one', esm, 'two', 2],
  ['a CommonJS module, its own default', commonJs, 'default', { two: 2 }],
  ['a CommonJS module that has a default', withDefault, 'default', 1],
  ['a named one of a CommonJS module', commonJs, 'two', 2],
  ['a CommonJS module that is a primitive', primitive, 'default', 5],
  ['a named one of a function', call, 'two', 2],
])('%s', (_what, url, name, value) => {
  expect(loadExport(url, name)).toEqual(value);
});

test.each([
  ['no default in an ES module', named, 'default', /to export 'default', it exports two/],
  ['no such name', esm, 'three', /to export 'three', it exports default, nothing, two/],
  ['a name without a value', esm, 'nothing', /to export 'nothing'/],
  ['a name of a primitive', primitive, 'two', /it exports nothing by name/],
  ['a name of null', none, 'two', /it exports nothing by name/],
  [
    'a file that is not there',
    pathToFileURL(path.join(folder, 'gone.mjs')).href,
    'default',
    /gone\.mjs'\. Build it first/,
  ],
  ['an import of a package that is not there', imports, 'default', /Cannot find package 'nowhere' imported from \S+$/],
  ['a URL that is none', 'file://elsewhere/x.mjs', 'default', /Can't load file:\/\/elsewhere\/x\.mjs: TypeError/],
  ['a throw that is no Error', moduleOf('odd.cjs', 'throw 5;'), 'default', /not an Error: 5/],
  ['a syntax error', moduleOf('syntax.cjs', 'module.exports = {{'), 'default', /SyntaxError/],
  [
    'a top-level await',
    moduleOf('await.mjs', 'await 1; export default 1;'),
    'default',
    /await\.mjs: The file, or .*in a function$/,
  ],
  ['TypeScript', moduleOf('typed.cts', 'const a: number = 1;'), 'default', /loader by `execArgv`/],
])('START_FAILED: %s', (_what, url, name, text) => {
  expect(() => loadExport(url, name)).toThrow(expect.objectContaining({ code: 'START_FAILED' }));
  expect(() => loadExport(url, name)).toThrow(text);
});

test('a module of the bundle is loaded from there', () => {
  const { href } = new URL('../../../src/core/some-bundled.js', import.meta.url);
  registerBundled({ './some-bundled.js': () => ({ behaviour: 'bundled' }) });
  expect(loadExport(href, 'behaviour')).toBe('bundled');
});

test('so is one of a family, by what differs in its name; a module of its own name comes first', () => {
  const hrefOf = (name: string): string => new URL(`../../../src/core/${name}`, import.meta.url).href;
  registerBundledFamily('./family-*-member.js', (part) => ({ part }));
  registerBundled({ './family-own-member.js': () => ({ part: 'by its name' }) });
  expect(loadExport(hrefOf('family-a-member.js'), 'part')).toBe('a');
  expect(loadExport(hrefOf('family-own-member.js'), 'part')).toBe('by its name');
  expect(() => loadExport(hrefOf('family-a-stranger.js'), 'part')).toThrow(/Cannot find module/);
  expect(() => loadExport(hrefOf('family-member.js'), 'part')).toThrow(/Cannot find module/);
});
