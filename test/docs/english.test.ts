/** Six phrases that our texts and sources avoid, as plain English has shorter ones. */
import { readFileSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { ROOT } from '../run/setup.mjs';

const PLACES = ['README.md', 'CHANGELOG.md', 'CONTRIBUTING.md', 'docs', 'examples', 'src'];

/** Between two words: also a line break within a comment. */
const GAP = String.raw`(?:\s|\*|//)+`;
const PHRASES = new RegExp(
  String.raw`\b(?:whoever|nobody|one['’]s own|that is none|what came|mend(?:s|ed|ing)?)\b`.replaceAll(' ', GAP),
  'gi',
);

/** `file:line: phrase`, for each one. */
const phrasesIn = (file: string, text: string): string[] =>
  [...text.matchAll(PHRASES)].map(({ index, 0: phrase }) => {
    const line = text.slice(0, index).split('\n').length;
    return `${file}:${line}: ${phrase.replaceAll(/\s+/g, ' ')}`;
  });

const filesOf = (place: string): string[] =>
  statSync(path.join(ROOT, place)).isFile()
    ? [place]
    : readdirSync(path.join(ROOT, place), { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => path.relative(ROOT, path.join(entry.parentPath, entry.name)))
        .sort();

describe('the search', () => {
  it('finds each phrase, in any case and over a line break, at its line', () => {
    const text = "Whoever asks\nNOBODY\none's\n * own\nthat is none, what came\nmends, mended, mending";
    expect(phrasesIn('f.md', text)).toEqual([
      'f.md:1: Whoever',
      'f.md:2: NOBODY',
      "f.md:3: one's * own",
      ...['f.md:5: that is none', 'f.md:5: what came'],
      ...['f.md:6: mends', 'f.md:6: mended', 'f.md:6: mending'],
    ]);
  });

  it('leaves other words alone', () => {
    expect(phrasesIn('f.md', 'We recommend an amendment. Whatever came, what camera.')).toEqual([]);
  });
});

describe('no phrase to avoid is in', () => {
  it.each(PLACES)('%s', (place) => {
    const files = filesOf(place);
    expect(files).not.toEqual([]);
    expect(files.flatMap((file) => phrasesIn(file, readFileSync(path.join(ROOT, file), 'utf8')))).toEqual([]);
  });
});
