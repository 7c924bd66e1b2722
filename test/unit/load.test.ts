import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { ROOT } from '../run/setup.mjs';

const folder = mkdtempSync(path.join(tmpdir(), 'tokenvisor-load-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** The packages that a module needs to be loaded. By esbuild's program: its API leaves a process behind for a while. */
const packagesOf = (module: string): readonly string[] => {
  const metafile = path.join(folder, 'meta.json');
  const options = ['--bundle', '--packages=external', '--platform=node', '--format=esm', '--log-level=error'];
  execFileSync(path.join(ROOT, 'node_modules/.bin/esbuild'), [
    path.join(ROOT, 'src', module),
    ...options,
    `--metafile=${metafile}`,
    `--outfile=${path.join(folder, 'out.mjs')}`,
  ]);
  const { outputs } = JSON.parse(readFileSync(metafile, 'utf8')) as {
    outputs: Record<string, { imports: readonly { path: string }[] }>;
  };
  const imports = Object.values(outputs).flatMap((output) => output.imports);
  return [...new Set(imports.map((one) => one.path).filter((name) => !name.startsWith('node:')))].sort();
};

describe('what the starting thread loads', () => {
  it('is neither what starts threads nor what mints tokens', () => {
    expect(packagesOf('index.ts')).toEqual(['comlink', 'eventemitter3']);
    expect(packagesOf('grants/index.ts')).toEqual([]);
  });
});
