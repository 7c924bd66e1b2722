import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { ROOT } from '../run/setup.mjs';

const folder = mkdtempSync(path.join(tmpdir(), 'tokenvisor-load-'));
afterAll(() => rmSync(folder, { recursive: true }));

interface Loaded {
  readonly packages: readonly string[];
  /** Below src. */
  readonly files: readonly string[];
}

/** What a module needs to be loaded. By esbuild's program: its API leaves a process behind for a while. */
const loadedBy = (module: string): Loaded => {
  const metafile = path.join(folder, 'meta.json');
  const options = ['--bundle', '--packages=external', '--platform=node', '--format=esm', '--log-level=error'];
  execFileSync(path.join(ROOT, 'node_modules/.bin/esbuild'), [
    path.join(ROOT, 'src', module),
    ...options,
    `--metafile=${metafile}`,
    `--outfile=${path.join(folder, 'out.mjs')}`,
  ]);
  const { inputs, outputs } = JSON.parse(readFileSync(metafile, 'utf8')) as {
    inputs: Record<string, unknown>;
    outputs: Record<string, { imports: readonly { path: string }[] }>;
  };
  const imports = Object.values(outputs).flatMap((output) => output.imports);
  return {
    packages: [...new Set(imports.map((one) => one.path).filter((name) => !name.startsWith('node:')))].sort(),
    files: Object.keys(inputs).map((file) => path.relative('src', file)),
  };
};

describe('what the starting thread loads', () => {
  it('is neither what starts threads nor what mints tokens', () => {
    expect(loadedBy('index.ts').packages).toEqual(['comlink', 'eventemitter3']);
    expect(loadedBy('grants/index.ts').packages).toEqual([]);
  });

  it('has the definitions of the grants, and nothing that only their sessions need', () => {
    const { files } = loadedBy('index.ts');
    expect(files).toContain('grants/refresh-token.ts');
    expect(
      files.filter((file) =>
        /^grants\/.*-provider\.ts$|^oauth\/token-endpoint|^refresh-store\/|load-module/.test(file),
      ),
    ).toEqual([]);
  });
});
