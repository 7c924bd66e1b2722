/**
 * Finds the code that our texts show: fenced blocks of Markdown, and `@example`s of doc comments.
 *
 * A block of Markdown is a module of its own, unless its info string says more:
 *
 * - `js continued`: follows on the block before it, whose names it uses;
 * - `js file=billing-provider.js`: can be imported by the other blocks of the page under that name;
 * - `js unchecked`: is not checked (a sketch, or code that is meant to be wrong).
 *
 * What a block takes for granted stands in a comment before it, in TypeScript, which readers do not see:
 *
 *     <!-- given
 *     declare const supervisor: import('tokenvisor').TokenSupervisor;
 *     -->
 */

export interface Block {
  /** The file that it stands in. */
  readonly page: string;
  /** The line of its first line of code there, counted from 1. */
  readonly line: number;
  readonly language: 'js' | 'ts';
  readonly code: string;
  /** What stands before the code and is no part of it. */
  readonly given: string;
  readonly continued: boolean;
  /** The name under which the page's other blocks import it. */
  readonly file?: string;
}

const LANGUAGES: Readonly<Record<string, 'js' | 'ts'>> = {
  js: 'js',
  javascript: 'js',
  mjs: 'js',
  ts: 'ts',
  typescript: 'ts',
  mts: 'ts',
};

const FENCE = /^(?<indent>\s*)(?<mark>`{3,}|~{3,})(?<info>.*)$/;

/** The blocks of a Markdown text that are to be checked. */
export const blocksOfMarkdown = (page: string, text: string): Block[] => {
  const lines = text.split('\n');
  const blocks: Block[] = [];
  let given = '';
  for (let at = 0; at < lines.length; at += 1) {
    const line = lines[at] ?? '';
    if (/^\s*<!-- given\s*$/.test(line)) {
      const end = lines.findIndex((each, index) => index > at && each.trim() === '-->');
      if (end < 0) throw new Error(`${page}:${at + 1}: the comment is not closed by a line with --> alone`);
      given = lines.slice(at + 1, end).join('\n');
      at = end;
      continue;
    }
    const fence = FENCE.exec(line)?.groups;
    if (!fence) {
      if (line.trim() !== '') given = '';
      continue;
    }
    const { indent = '', mark = '', info = '' } = fence;
    const end = lines.findIndex((each, index) => index > at && each.trim().startsWith(mark));
    if (end < 0) throw new Error(`${page}:${at + 1}: the code block is not closed`);
    const [name = '', ...words] = info.trim().split(/\s+/);
    const language = LANGUAGES[name];
    const unknown = words.find((word) => !/^(continued|unchecked|file=.+)$/.test(word));
    if (language && unknown) throw new Error(`${page}:${at + 1}: '${unknown}' is no word of a code block here`);
    if (language && !words.includes('unchecked')) {
      const code = lines.slice(at + 1, end).map((each) => (each.startsWith(indent) ? each.slice(indent.length) : each));
      const file = words.find((word) => word.startsWith('file='))?.slice('file='.length);
      blocks.push({
        page,
        line: at + 2,
        language,
        code: code.join('\n'),
        given,
        continued: words.includes('continued'),
        ...(file !== undefined && { file }),
      });
    }
    given = '';
    at = end;
  }
  return blocks;
};

/** The `@example`s of a TypeScript source's doc comments. */
export const blocksOfSource = (page: string, text: string): Block[] => {
  const blocks: Block[] = [];
  let example: { line: number; code: string[] } | undefined;
  const close = (): void => {
    if (!example) return;
    const code = example.code.filter((line) => !FENCE.test(line)).join('\n');
    blocks.push({ page, line: example.line, language: 'ts', code, given: '', continued: false });
    example = undefined;
  };
  for (const [index, line] of text.split('\n').entries()) {
    const content = /^\s*\*(?!\/) ?(?<content>.*)$/.exec(line)?.groups?.['content'];
    if (content === undefined || content.startsWith('@')) close();
    if (content !== undefined && /^@example\b/.test(content)) example = { line: index + 2, code: [] };
    else if (content !== undefined) example?.code.push(content);
  }
  close();
  return blocks;
};

/** The targets of a Markdown text's links, with their lines; code is left out. */
export const linksOfMarkdown = (text: string): { line: number; target: string }[] => {
  const links: { line: number; target: string }[] = [];
  let fence = '';
  for (const [index, line] of text.split('\n').entries()) {
    const mark = FENCE.exec(line)?.groups?.['mark'];
    if (mark !== undefined && (fence === '' || mark.startsWith(fence))) fence = fence === '' ? mark : '';
    if (fence !== '') continue;
    const prose = line.replaceAll(/`[^`]*`/g, '');
    for (const match of prose.matchAll(/\]\((?<target>[^)\s]+)[^)]*\)|^\[[^\]]+\]:\s*(?<reference>\S+)/g)) {
      links.push({ line: index + 1, target: match.groups?.['target'] ?? match.groups?.['reference'] ?? '' });
    }
  }
  return links;
};

/** The anchors of a Markdown text's headings, as GitHub makes them. */
export const anchorsOfMarkdown = (text: string): Set<string> => {
  const anchors = new Set<string>();
  for (const [, heading = ''] of text.matchAll(/^#{1,6}\s+(.+?)\s*#*$/gm)) {
    const base = heading
      .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(/\s/g, '-');
    let anchor = base;
    for (let count = 1; anchors.has(anchor); count += 1) anchor = `${base}-${count}`;
    anchors.add(anchor);
  }
  return anchors;
};
