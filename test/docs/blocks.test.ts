import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { ROOT } from '../run/setup.mjs';
import { anchorsOfMarkdown, blocksOfMarkdown, blocksOfSource, linksOfMarkdown } from './blocks.js';
import { checkBlocks } from './check.js';

const page = (...lines: string[]): string => lines.join('\n');
const noEntries = new Map<string, string>();
const problemsIn = (...lines: string[]): string[] =>
  [...checkBlocks(ROOT, noEntries, blocksOfMarkdown('page.md', page(...lines))).values()]
    .flat()
    .map((problem) => `${problem.line}: ${problem.message}`);

describe('blocks of Markdown', () => {
  it('are those of JavaScript and TypeScript, with their lines', () => {
    const blocks = blocksOfMarkdown('p.md', page('# P', '```sh', 'ls', '```', '', '```js', 'f();', '```'));
    expect(blocks).toEqual([{ page: 'p.md', line: 7, language: 'js', code: 'f();', given: '', continued: false }]);
  });

  it('lose the indent of a list, and take what is given before them', () => {
    const text = page(
      '<!-- given',
      'declare const x: 1;',
      '-->',
      '',
      '  ```ts',
      '  if (x) {',
      '    x;',
      '  }',
      '  ```',
    );
    expect(blocksOfMarkdown('p.md', text)).toMatchObject([
      { code: 'if (x) {\n  x;\n}', given: 'declare const x: 1;', language: 'ts' },
    ]);
  });

  it('do not take what is given before a paragraph', () => {
    const text = page('<!-- given', 'declare const x: 1;', '-->', 'And so:', '```ts', 'x;', '```');
    expect(blocksOfMarkdown('p.md', text)).toMatchObject([{ given: '' }]);
  });

  it('are left out where unchecked, and refused where a word is unknown', () => {
    expect(blocksOfMarkdown('p.md', page('```js unchecked', '…', '```'))).toEqual([]);
    expect(() => blocksOfMarkdown('p.md', page('```js continue', 'f();', '```'))).toThrow("p.md:1: 'continue'");
    expect(() => blocksOfMarkdown('p.md', page('```js', 'f();'))).toThrow('p.md:1: the code block is not closed');
  });
});

describe('examples of doc comments', () => {
  it('end at the next tag and at the end of the comment', () => {
    const text = page('/**', ' * Does.', ' * @example', ' * a();', ' *', ' * b();', ' * @throws x', ' */', 'c();');
    expect(blocksOfSource('s.ts', text)).toMatchObject([{ line: 4, code: 'a();\n\nb();' }]);
  });
});

describe('the check', () => {
  it('finds an error at its line of the page', () => {
    expect(problemsIn('```ts', 'const n: number = 1;', "const s: number = 'x';", '```')).toEqual([
      "3: Type 'string' is not assignable to type 'number'.",
    ]);
  });

  it('sees what is given, what is continued and what the page has as a file', () => {
    expect(
      problemsIn(
        ...['```js file=lib.js', 'export const two = 2;', '```'],
        ...['<!-- given', 'declare const x: number;', '-->', '```ts', "import { two } from './lib.js';", '```'],
        ...['```ts continued', 'const sum: number = x + two;', '```'],
      ),
    ).toEqual([]);
  });

  it('asks no types of JavaScript, but that names exist', () => {
    expect(problemsIn('```js', 'const f = (a) => a + nowhere;', '```')).toEqual(["2: Cannot find name 'nowhere'."]);
  });

  it('lets the examples of doc comments use the names of the package', () => {
    const entries = new Map([['fast-check', path.join(ROOT, 'node_modules/fast-check/lib/fast-check.d.ts')]]);
    const [block] = blocksOfSource('src/s.ts', page('/**', ' * @example', ' * const n: boolean = integer();', ' */'));
    const problems = checkBlocks(ROOT, entries, block ? [block] : []);
    expect([...problems.values()].flat()).toMatchObject([{ line: 3, message: /is not assignable/ }]);
  });
});

describe('links', () => {
  it('are found outside of code', () => {
    const text = page('See [a](a.md#b "t") and `[b](b.md)`.', '```', '[c](c.md)', '```', '[d]: d.md');
    expect(linksOfMarkdown(text)).toEqual([
      { line: 1, target: 'a.md#b' },
      { line: 5, target: 'd.md' },
    ]);
  });

  it('have anchors as GitHub makes them', () => {
    expect([...anchorsOfMarkdown('# A `b()`, and c\n## Same\n## Same\n')]).toEqual(['a-b-and-c', 'same', 'same-1']);
  });
});
