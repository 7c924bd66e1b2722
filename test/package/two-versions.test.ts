import { cp, readFile, readdir, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, inject, it } from 'vitest';
import manifest from '../../package.json' with { type: 'json' };
import { LAYOUT_VERSION } from '../../src/memory/layout.js';
import type { Run } from './project.js';
import { room } from './room.js';

const OTHER = '99.0.0';

/** Installs what the project has into a folder, as a version of its own. */
const copyInto = async (folder: string, version: string): Promise<string> => {
  const modules = path.join(inject('project'), 'node_modules');
  const target = path.join(folder, 'node_modules/tokenvisor');
  await cp(path.join(modules, 'tokenvisor'), target, { recursive: true });
  for (const name of await readdir(modules)) {
    if (name !== 'tokenvisor' && !name.startsWith('.')) {
      await symlink(path.join(modules, name), path.join(folder, 'node_modules', name));
    }
  }
  await writeFile(path.join(target, 'package.json'), JSON.stringify({ ...manifest, version }));
  return path.join(target, 'dist');
};

/** Gives a built package another layout of memory: in its modules, and in the bundles that its threads load. */
const changeLayout = async (dist: string): Promise<void> => {
  const module = path.join(dist, 'memory/layout.js');
  const declared = `LAYOUT_VERSION = ${LAYOUT_VERSION};`;
  const source = await readFile(module, 'utf8');
  expect(source.split(declared)).toHaveLength(2);
  await writeFile(module, source.replace(declared, `LAYOUT_VERSION = ${LAYOUT_VERSION + 1};`));
  for (const bundle of [
    'runtime/credential-runtime.cjs',
    'runtime/every-runtime.cjs',
    'runtime/supervisor-entry.cjs',
  ]) {
    const file = path.join(dist, bundle);
    const text = await readFile(file, 'utf8');
    // The bundler writes a constant where it is used: there its own memory would be refused, if this were missed. A table has
    // a version of its own.
    const parts = text.split(new RegExp(`(?<=\\bversion\\d*!==)${LAYOUT_VERSION}\\b`));
    expect(parts, bundle).toHaveLength(2);
    const [before, after] = parts;
    await writeFile(file, `${before}${LAYOUT_VERSION + 1}${after}`);
  }
};

const runBoth = async (name: string, change: (dist: string) => Promise<void>): Promise<Run> => {
  const here = await room(name, 'two-versions.mjs', 'provider.mjs');
  await copyInto(here.at('one'), manifest.version);
  await change(await copyInto(here.at('two'), OTHER));
  return here.run('two-versions.mjs');
};

const EACH_BY_ITSELF = {
  versions: [manifest.version, OTHER],
  copies: true,
  tokens: ['Bearer token-1', 'Bearer token-1'],
  errors: ['LAYOUT_MISMATCH, ours: true', 'LAYOUT_MISMATCH, ours: true', true, false],
};

describe('two versions in one process', () => {
  it('run side by side, know the errors of each other, and read handles of each other', async () => {
    const { code, stdout, stderr } = await runBoth('two-versions', async () => {});
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(JSON.parse(stdout)).toEqual({ ...EACH_BY_ITSELF, attached: ['Bearer token-1', 'Bearer token-1'] });
  });

  it('refuse handles of another layout, and run all the same', async () => {
    const { code, stdout, stderr } = await runBoth('two-layouts', changeLayout);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const refused = 'LAYOUT_MISMATCH, ours: true';
    expect(JSON.parse(stdout)).toEqual({ ...EACH_BY_ITSELF, attached: [refused, refused] });
  });
});
