import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { ROOT } from '../run/setup.mjs';

const page = readFileSync(path.join(ROOT, 'docs/explanation/threat-model.md'), 'utf8');

/** `| N1 | … | … | … | … |` */
const rows = page
  .split('\n')
  .map((line) => line.split('|').map((cell) => cell.trim()))
  .filter(([, id = '']) => /^[A-Z]\d+$/.test(id))
  .map(([, id = '', threat = '', done = '', left = '', shown = '']) => ({ id, threat, done, left, shown }));

describe('each threat has a test that is there', () => {
  test('rows are numbered, each once', () => {
    expect(rows.length).toBeGreaterThan(25);
    expect(new Set(rows.map(({ id }) => id)).size).toBe(rows.length);
  });

  test.each(rows)('$id: $threat', ({ done, left, shown }) => {
    expect(done).not.toBe('');
    expect(left).not.toBe('');
    const [, file = '', name = ''] = /^`([\w./-]+)`: (.+)$/.exec(shown) ?? [];
    const source = path.join(ROOT, 'test', `${file}.test.ts`);
    expect(existsSync(source), source).toBe(true);
    expect(name).not.toBe('');
    expect(readFileSync(source, 'utf8')).toContain(`'${name}'`);
  });
});
