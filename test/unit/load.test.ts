import path from 'node:path';
import { buildSync } from 'esbuild';
import { describe, expect, it } from 'vitest';
import { ROOT } from '../run/setup.mjs';

/** The packages that a module needs to be loaded, over all that it imports. */
const packagesOf = (module: string): readonly string[] => {
  // The other form leaves a process behind.
  const { metafile } = buildSync({
    entryPoints: [path.join(ROOT, 'src', module)],
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    write: false,
    metafile: true,
  });
  const imports = Object.values(metafile.outputs).flatMap((output) => output.imports);
  return [...new Set(imports.map((one) => one.path).filter((name) => !name.startsWith('node:')))].sort();
};

describe('what the starting thread loads', () => {
  it('is neither what starts threads nor what mints tokens', () => {
    expect(packagesOf('index.ts')).toEqual(['comlink', 'eventemitter3']);
    expect(packagesOf('providers/index.ts')).toEqual([]);
  });
});
