/** How src is laid out: what imports what. The order of the rooms is a lint rule as well. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { refusal, ROOMS, roomOf } from '../lint/rooms.mjs';

const SRC = path.resolve(import.meta.dirname, '../../src');

type Graph = ReadonlyMap<string, ReadonlySet<string>>;

const files = readdirSync(SRC, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && /\.c?ts$/.test(entry.name))
  .map((entry) => path.relative(SRC, path.join(entry.parentPath, entry.name)));

const importsOf = (file: string): ReadonlySet<string> => {
  const { importedFiles } = ts.preProcessFile(readFileSync(path.join(SRC, file), 'utf8'), true, true);
  const relative = importedFiles.map(({ fileName }) => fileName).filter((name) => name.startsWith('.'));
  return new Set(
    relative
      .map((name) =>
        path
          .join(path.dirname(file), name)
          .replace(/\.js$/, '.ts')
          .replace(/\.cjs$/, '.cts'),
      )
      .filter((name) => files.includes(name)),
  );
};

/** The groups that can be reached from each of their members. */
const circlesOf = (graph: Graph): readonly (readonly string[])[] => {
  const reachable = (from: string): ReadonlySet<string> => {
    const seen = new Set<string>();
    for (const queue = [from]; queue.length > 0;) {
      const found = [...(graph.get(queue.pop()!) ?? [])].filter((next) => !seen.has(next));
      for (const next of found) seen.add(next);
      queue.push(...found);
    }
    return seen;
  };
  const all = new Map([...graph.keys()].map((node) => [node, reachable(node)]));
  const circles = [...all]
    .filter(([node, from]) => from.has(node))
    .map(([node, from]) => [...from].filter((other) => all.get(other)?.has(node)).sort());
  return [...new Map(circles.map((circle) => [circle.join(), circle])).values()];
};

const graph: Graph = new Map(files.map((file) => [file, importsOf(file)]));

const byFolder = (): Graph => {
  const folders = new Map<string, Set<string>>();
  for (const [file, imported] of graph) {
    const from = path.dirname(file);
    const known = folders.get(from) ?? folders.set(from, new Set()).get(from)!;
    for (const other of imported) if (path.dirname(other) !== from) known.add(path.dirname(other));
  }
  return folders;
};

describe('src', () => {
  it('has no circle of imports between files', () => {
    expect(graph.size).toBeGreaterThan(150);
    expect(circlesOf(graph)).toEqual([]);
  });

  it('has none between folders', () => {
    expect(circlesOf(byFolder())).toEqual([]);
  });

  it('lies in its rooms, each of which has something, and imports only from rooms before', () => {
    expect(new Set(files.map(roomOf))).toEqual(new Set(ROOMS));
    const refused = [...graph].flatMap(([file, imported]) =>
      [...imported].flatMap((other) => refusal(file, other) ?? []),
    );
    expect(refused).toEqual([]);
  });

  it('has three levels of folders at most', () => {
    expect(files.filter((file) => file.split('/').length > 4)).toEqual([]);
  });

  it('decides without Node: the core of supervision and the refresh loop import none of its modules', () => {
    const pure = files.filter((file) =>
      /^supervision\/core\/|^kinds\/credential\/refresh\/(?!refresh-channel)/.test(file),
    );
    expect(pure.length).toBeGreaterThan(10);
    const { importedFiles } = ts.preProcessFile(
      pure.map((file) => readFileSync(path.join(SRC, file), 'utf8')).join('\n'),
    );
    expect(importedFiles.map(({ fileName }) => fileName).filter((name) => name.startsWith('node:'))).toEqual([]);
  });
});

describe('a circle', () => {
  it('is found, of two and of three', () => {
    const of = (edges: Record<string, string[]>) =>
      circlesOf(new Map(Object.entries(edges).map(([from, to]) => [from, new Set(to)])));
    expect(of({ a: ['b'], b: ['a'], c: ['a'] })).toEqual([['a', 'b']]);
    expect(of({ a: ['b'], b: ['c'], c: ['a', 'd'], d: [] })).toEqual([['a', 'b', 'c']]);
    expect(of({ a: ['b'], b: ['c'], c: [] })).toEqual([]);
  });
});

describe('the rule', () => {
  it('refuses an import from a room that comes later, and a file in no room', () => {
    expect(refusal('core/errors.ts', 'kinds/credential/reader.ts')).toContain('core comes before kinds');
    expect(refusal('kinds/credential/reader.ts', 'core/errors.ts')).toBeUndefined();
    expect(refusal('odd/x.ts', 'core/errors.ts')).toContain('one of the rooms');
  });
});
